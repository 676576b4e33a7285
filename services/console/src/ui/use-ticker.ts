import { type RefObject, useEffect, useLayoutEffect, useRef, useState } from "react";

/**
 * Writes a text that changes with time straight into the page, without rendering: each `everyMs`,
 * and whenever the component renders.
 */
export function useTickingText<E extends HTMLElement>(
  text: () => string,
  everyMs = 1_000,
): RefObject<E | null> {
  const element = useRef<E>(null);
  const newest = useRef(text);
  newest.current = text;

  const write = useRef(() => {
    const next = newest.current();
    if (element.current && element.current.textContent !== next) {
      element.current.textContent = next;
    }
  });
  useLayoutEffect(write.current);
  useEffect(() => {
    const timer = setInterval(write.current, everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);

  return element;
}

/** The time, renewed each second while `ticking`. */
export function useNow(ticking: boolean): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    if (!ticking) return;
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), 500);
    return () => clearInterval(timer);
  }, [ticking]);
  return now;
}

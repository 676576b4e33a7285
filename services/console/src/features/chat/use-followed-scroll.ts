import { type RefObject, useEffect, useLayoutEffect, useRef, useState } from "react";

/** Within this many pixels of its end a list is read at its end. */
const END_PX = 32;

interface FollowedScroll {
  readonly list: RefObject<HTMLOListElement | null>;
  /** Rows that came while the reader was further up. */
  readonly unseen: number;
  readonly toNewest: () => void;
}

/** Keeps a list at its newest row, unless the reader has scrolled away from it. */
export function useFollowedScroll(newest: string | null): FollowedScroll {
  const list = useRef<HTMLOListElement>(null);
  const following = useRef(true);
  const [unseen, setUnseen] = useState(0);

  useEffect(() => {
    const element = list.current;
    if (!element) return;
    const onScroll = () => {
      const { scrollHeight, scrollTop, clientHeight } = element;
      following.current = scrollHeight - scrollTop - clientHeight <= END_PX;
      if (following.current) setUnseen(0);
    };
    element.addEventListener("scroll", onScroll, { passive: true });
    return () => element.removeEventListener("scroll", onScroll);
  }, []);

  useLayoutEffect(() => {
    if (newest === null) return;
    if (following.current) scrollToEnd(list.current);
    else setUnseen((count) => count + 1);
  }, [newest]);

  const toNewest = () => {
    following.current = true;
    setUnseen(0);
    scrollToEnd(list.current);
  };

  return { list, unseen, toNewest };
}

function scrollToEnd(element: HTMLElement | null): void {
  if (element) element.scrollTop = element.scrollHeight;
}

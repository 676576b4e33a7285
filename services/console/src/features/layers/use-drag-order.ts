import { type PointerEvent, type RefObject, useEffect, useRef, useState } from "react";

/** A drag in progress: who is dragged, and in front of which place it would be dropped. */
export interface Drag {
  readonly id: string;
  /** Its place in the list if dropped now, counted without it. */
  readonly to: number;
}

interface DragOrder {
  readonly drag: Drag | null;
  readonly grab: (id: string, event: PointerEvent<HTMLElement>) => void;
}

/**
 * Reordering by dragging a row's handle, with the pointer captured by the handle. Escape puts
 * everything back.
 */
export function useDragOrder(
  list: RefObject<HTMLElement | null>,
  onDrop: (id: string, to: number) => void,
): DragOrder {
  const [drag, setDrag] = useState<Drag | null>(null);
  const end = useRef<() => void>(() => {});
  const drop = useRef(onDrop);
  drop.current = onDrop;

  useEffect(() => () => end.current(), []);

  const grab = (id: string, event: PointerEvent<HTMLElement>) => {
    if (event.button !== 0) return;
    const handle: HTMLElement = event.currentTarget;
    handle.setPointerCapture(event.pointerId);
    const listeners = new AbortController();
    const { signal } = listeners;
    let to: number | null = null;
    end.current = () => {
      listeners.abort();
      setDrag(null);
    };
    const follow = (y: number) => {
      to = placeAt(list.current, id, y);
      setDrag({ id, to });
    };
    handle.addEventListener("pointermove", (move) => follow(move.clientY), { signal });
    const release = () => {
      end.current();
      if (to !== null) drop.current(id, to);
    };
    handle.addEventListener("pointerup", release, { signal });
    handle.addEventListener("pointercancel", () => end.current(), { signal });
    const onKey = (key: KeyboardEvent) => {
      if (key.key === "Escape") end.current();
    };
    window.addEventListener("keydown", onKey, { signal });
  };

  return { drag, grab };
}

/** How many of the other rows have their middle above `y`. */
function placeAt(list: HTMLElement | null, id: string, y: number): number {
  const rows = [...(list?.querySelectorAll<HTMLElement>("[data-layer]") ?? [])];
  return rows.filter((row) => {
    // The layers of a group go with it.
    if (row.dataset.layer === id || row.dataset.group === id) return false;
    const { top, height } = row.getBoundingClientRect();
    return top + height / 2 < y;
  }).length;
}

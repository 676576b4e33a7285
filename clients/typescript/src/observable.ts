/** A value that can be read at any time, and that tells when it is replaced. */
export interface Readable<T> {
  readonly get: () => T;
  /** Calls `listener` after every change; the result ends that. Fits React's `useSyncExternalStore`. */
  readonly subscribe: (listener: () => void) => () => void;
}

export class Observable<T> implements Readable<T> {
  private readonly listeners = new Set<() => void>();
  private value: T;

  constructor(initial: T) {
    this.value = initial;
  }

  readonly get = (): T => this.value;

  set(value: T): void {
    if (Object.is(value, this.value)) return;
    this.value = value;
    for (const listener of [...this.listeners]) listener();
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };
}

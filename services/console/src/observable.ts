import { Observable, type Readable } from "@stream-manager/client";
import { useSyncExternalStore } from "react";

export { Observable };

export function useObservable<T>(observable: Readable<T>): T {
  return useSyncExternalStore(observable.subscribe, observable.get);
}

import { useObservable } from "../../observable.ts";
import { useRuntime } from "../../runtime-context.ts";
import { useMayBeOld } from "../link/use-link.ts";
import { Tiles } from "../metrics/tiles.tsx";
import { Preview } from "../preview/preview.tsx";
import { Facts } from "./facts.tsx";
import { Issues } from "./issues.tsx";
import { StateLine } from "./state-line.tsx";
import "./stream-card.css";

/** The stream at a glance: its picture, what it does and why, what is wrong, and its figures. */
export function StreamCard() {
  const state = useObservable(useRuntime().state.state);
  const old = useMayBeOld();
  return (
    <section className="stream-card panel" aria-labelledby="stream-title">
      <h2 id="stream-title" className="visually-hidden">
        Stream
      </h2>
      <Preview status={state?.status ?? null} />
      <div className="stream-card__body" data-old={old || undefined}>
        {state && <StateLine state={state} />}
        {state && <Issues errors={state.errors} />}
        <Tiles program={state?.program ?? null} />
        {state && <Facts state={state} />}
      </div>
    </section>
  );
}

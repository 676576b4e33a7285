import { CircleAlert, Info, type LucideIcon, OctagonAlert, TriangleAlert } from "lucide-react";
import type { Severity, StreamError } from "../../api/types.ts";
import { useObservable } from "../../observable.ts";
import { useRuntime } from "../../runtime-context.ts";
import { formatAge, formatUtc } from "../../ui/format.ts";
import { useTickingText } from "../../ui/use-ticker.ts";

interface SeverityWords {
  readonly word: string;
  readonly tone: "calm" | "warn" | "bad";
  readonly icon: LucideIcon;
}

const SEVERITIES: Record<Severity, SeverityWords> = {
  info: { word: "Info", tone: "calm", icon: Info },
  warning: { word: "Warning", tone: "warn", icon: TriangleAlert },
  error: { word: "Error", tone: "bad", icon: CircleAlert },
  critical: { word: "Critical", tone: "bad", icon: OctagonAlert },
};

/** What is wrong now: how bad, where, what to do, since when, and whether it heals by itself. */
export function Issues({ errors }: { readonly errors: readonly StreamError[] }) {
  if (errors.length === 0) return null;
  return (
    <ul id="issues" className="issues" aria-label="Issues">
      {errors.map((error) => (
        <Issue key={`${error.code} ${error.component}`} error={error} />
      ))}
    </ul>
  );
}

function Issue({ error }: { readonly error: StreamError }) {
  const { serverClock } = useRuntime();
  const { word, tone, icon: Icon } = SEVERITIES[error.severity];
  const component = useComponentName(error.component);
  const age = useTickingText<HTMLSpanElement>(() => formatAge(serverClock.since(error.since)));
  return (
    <li className="issue" data-tone={tone}>
      <Icon size={18} aria-hidden />
      <div className="issue__body">
        <p className="issue__message">
          <strong className="issue__severity">{word}</strong> {component}: {error.message}
        </p>
        <p className="issue__facts">
          <span>{whatToDo(error)}</span>
          <span title={formatUtc(error.since)}>
            for <span ref={age} />
          </span>
          {error.count > 1 && <span>seen {error.count} times</span>}
          <code>{error.code}</code>
        </p>
      </div>
    </li>
  );
}

/** What is only noted may be meant so: a still, a pause. */
function whatToDo({ recovering, severity }: StreamError): string {
  if (recovering) return "Recovering by itself";
  return severity === "info" ? "May be meant so" : "Needs you";
}

/** `layer:<id>` says nothing to a person; the name of the layer or the output does. */
function useComponentName(component: string): string {
  const { layers, state } = useRuntime();
  const scene = useObservable(layers.scene);
  const outputs = useObservable(state.state)?.outputs;
  const [kind, id] = component.split(":", 2);
  const layer = kind === "layer" && scene?.layers.find((other) => other.id === id);
  if (layer) return `Layer “${layer.name}”`;
  const output = kind === "output" && outputs?.find((other) => other.id === id);
  if (output) return `Output “${output.name}”`;
  const text = id ? `${kind} ${id}` : component;
  return text.charAt(0).toUpperCase() + text.slice(1);
}

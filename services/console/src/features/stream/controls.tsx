import { LoaderCircle, Pause, Play, Radio, RotateCw, Square } from "lucide-react";
import { type MouseEvent, type RefObject, useEffect, useRef, useState } from "react";
import type { StreamState } from "../../api/types.ts";
import { useObservable } from "../../observable.ts";
import { useForbidden, useRuntime } from "../../runtime-context.ts";
import { Dialog } from "../../ui/dialog.tsx";
import { HoldButton } from "../../ui/hold-button.tsx";
import { Message } from "../../ui/message.tsx";
import { useBlocked } from "../link/use-link.ts";
import { type Action, mainCommand } from "./status.ts";
import "../../ui/hold-button.css";

type Question = "go-live" | "end" | null;

/** The way on and off air. No key, and no key pressed twice, starts or ends the stream. */
export function Controls() {
  const { state: store, commands } = useRuntime();
  const state = useObservable(store.state);
  const pending = useObservable(commands.pending);
  const failure = useObservable(commands.failure);
  const forbidden = useForbidden("control-stream");
  const unreachable = useBlocked();
  const [question, setQuestion] = useState<Question>(null);
  const bar = useRef<HTMLDivElement>(null);
  const command = state ? mainCommand(state) : "none";
  useFocusKept(bar, `${command} ${pending?.action}`);

  const give = (action: Action) => {
    setQuestion(null);
    void commands.give(action);
  };

  return (
    <div className="controls" ref={bar}>
      {!pending && <PauseButton state={state} blocked={forbidden ?? unreachable} give={give} />}
      {pending ? (
        <BusyButton label={BUSY[pending.action]} />
      ) : forbidden && command !== "none" ? (
        <button type="button" className="button" disabled title={forbidden}>
          {command === "end" ? "End" : "Go live"}
        </button>
      ) : (
        <MainButton
          state={state}
          command={command}
          unreachable={unreachable}
          give={give}
          ask={setQuestion}
        />
      )}
      {failure && (
        <div className="controls__failure">
          <Message tone="bad" alert onDismiss={() => commands.dismissFailure()}>
            {failure.message}
          </Message>
        </div>
      )}
      {question === "go-live" && (
        <GoLiveDialog
          onGo={() => give(command === "try-again" ? "restart" : "start")}
          onClose={() => setQuestion(null)}
        />
      )}
      {question === "end" && (
        <EndDialog state={state} onEnd={() => give("stop")} onClose={() => setQuestion(null)} />
      )}
    </div>
  );
}

const BUSY: Record<Action, string> = {
  start: "Starting…",
  stop: "Ending…",
  pause: "Pausing…",
  resume: "Resuming…",
  restart: "Restarting…",
};

/**
 * When the button that has the focus makes way for another, the focus goes to the status: what was
 * pressed once must not be pressed again by the same key.
 */
function useFocusKept(bar: RefObject<HTMLDivElement | null>, shown: string): void {
  const hadFocus = useRef(false);
  useEffect(() => {
    const element = bar.current;
    const note = () => {
      hadFocus.current = element?.contains(document.activeElement) ?? false;
    };
    document.addEventListener("focusin", note);
    return () => document.removeEventListener("focusin", note);
  }, [bar]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: looks whenever another button is shown
  useEffect(() => {
    if (hadFocus.current && document.activeElement === document.body) {
      document.getElementById("stream-status")?.focus();
    }
  }, [shown]);
}

interface MainButtonProps {
  readonly state: StreamState | null;
  readonly command: ReturnType<typeof mainCommand>;
  readonly unreachable: string | null;
  readonly give: (action: Action) => void;
  readonly ask: (question: Question) => void;
}

function MainButton({ state, command, unreachable, give, ask }: MainButtonProps) {
  switch (command) {
    case "go-live":
    case "try-again": {
      const again = command === "try-again";
      const Icon = again ? RotateCw : Radio;
      const act = (event: MouseEvent) => {
        if (unreachable) return;
        // Without a pointer behind it, a click may be a key that was meant for something else.
        if (event.detail === 0) ask("go-live");
        else give(again ? "restart" : "start");
      };
      return (
        <button
          key="go-live"
          type="button"
          className="button button--primary controls__go"
          aria-disabled={unreachable !== null}
          title={unreachable ?? undefined}
          onClick={act}
        >
          <Icon size={16} aria-hidden />
          {again ? "Try again" : "Go live"}
        </button>
      );
    }
    case "end":
      // Never blocked: ending goes over plain HTTP, whatever the live link does.
      return (
        <HoldButton
          key="end"
          hint="Keep it pressed for 1.2 seconds to end."
          holding="Keep holding…"
          onHeld={() => give("stop")}
          onAsk={() => ask("end")}
        >
          <Square size={14} aria-hidden />
          Hold to end
        </HoldButton>
      );
    case "none":
      return state?.status === "stopping" ? <BusyButton label={BUSY.stop} /> : null;
  }
}

function BusyButton({ label }: { readonly label: string }) {
  return (
    <button key="busy" type="button" className="button controls__go" aria-disabled="true">
      <LoaderCircle size={16} aria-hidden />
      {label}
    </button>
  );
}

interface PauseButtonProps {
  readonly state: StreamState | null;
  readonly blocked: string | null;
  readonly give: (action: Action) => void;
}

function PauseButton({ state, blocked, give }: PauseButtonProps) {
  const paused = state?.desired_status === "paused";
  const possible = state?.status === "live" || state?.status === "degraded" || paused;
  if (!state || !possible || state.status === "stopping") return null;
  const Icon = paused ? Play : Pause;
  return (
    <button
      type="button"
      className="button controls__pause"
      aria-disabled={blocked !== null}
      title={blocked ?? (paused ? "Back to the scene" : "Put a slate on air")}
      onClick={() => {
        if (!blocked) give(paused ? "resume" : "pause");
      }}
    >
      <Icon size={16} aria-hidden />
      <span>{paused ? "Resume" : "Pause"}</span>
    </button>
  );
}

function GoLiveDialog(props: { readonly onGo: () => void; readonly onClose: () => void }) {
  return (
    <Dialog title="Go live now?" onClose={props.onClose}>
      <p>The scene goes on air and everybody who watches sees it.</p>
      <div className="dialog__actions">
        <button type="button" className="button" data-default onClick={props.onClose}>
          Not yet
        </button>
        <button type="button" className="button button--primary" onClick={props.onGo}>
          Go live
        </button>
      </div>
    </Dialog>
  );
}

interface EndDialogProps {
  readonly state: StreamState | null;
  readonly onEnd: () => void;
  readonly onClose: () => void;
}

function EndDialog({ state, onEnd, onClose }: EndDialogProps) {
  const { metrics } = useRuntime();
  const watching = metrics.latest?.viewers.current ?? state?.viewers.current ?? 0;
  const who = watching === 1 ? "1 viewer is" : `${watching} viewers are`;
  return (
    <Dialog title="End the stream?" onClose={onClose}>
      <p>{who} watching. The stream goes off air for everybody.</p>
      <div className="dialog__actions">
        <button type="button" className="button" data-default onClick={onClose}>
          Keep streaming
        </button>
        <button type="button" className="button button--danger" onClick={onEnd}>
          End stream
        </button>
      </div>
    </Dialog>
  );
}

import { Settings2 } from "lucide-react";
import { Suspense, useState } from "react";
import type { ProgramFormat } from "../../api/types.ts";
import { useObservable } from "../../observable.ts";
import { useForbidden, useRuntime } from "../../runtime-context.ts";
import { lazily } from "../../ui/lazily.ts";
import { Message } from "../../ui/message.tsx";
import { useBlocked, useMayBeOld } from "../link/use-link.ts";
import { isOnAir } from "../stream/status.ts";
import "./program.css";

const ProgramDialog = lazily(async () => (await import("./program-dialog.tsx")).ProgramDialog);

/** How the program is encoded. Only for who may steer the stream. */
export function ProgramPanel() {
  const forbidden = useForbidden("control-stream");
  return forbidden ? null : <Panel />;
}

function Panel() {
  const { state: stream } = useRuntime();
  const state = useObservable(stream.state);
  const blocked = useBlocked();
  const old = useMayBeOld();
  const [open, setOpen] = useState(false);
  const wanted = state?.wanted_program ?? state?.program ?? null;
  const refused = state?.errors.find(({ component }) => component === "program");
  return (
    <section className="panel program" aria-labelledby="program-title">
      <header className="panel__head">
        <h2 id="program-title" className="panel__title program__title">
          Program settings
        </h2>
        <button
          type="button"
          className="button"
          disabled={blocked !== null || !wanted}
          title={blocked ?? undefined}
          onClick={() => setOpen(true)}
        >
          <Settings2 size={16} aria-hidden />
          Change
        </button>
      </header>
      <p className="program__format" data-old={old || undefined}>
        {wanted ? formatText(wanted) : "Waiting for the stream…"}
      </p>
      {refused && (
        <Message tone="warn">
          {refused.message} <code>{refused.code}</code>
        </Message>
      )}
      <Suspense>
        {open && wanted && state && (
          <ProgramDialog
            format={wanted}
            isOnAir={isOnAir(state.status)}
            onClose={() => setOpen(false)}
          />
        )}
      </Suspense>
    </section>
  );
}

function formatText(format: ProgramFormat): string {
  const { width, height, framerate, encoder, preset, profile = "high" } = format;
  const picture = `${width} × ${height}, ${framerate} fps, ${format.video_bitrate_kbps} kbit/s`;
  const coding = `${encoder} ${preset}, ${profile} profile`;
  return `${picture} · ${coding} · sound ${format.audio_bitrate_kbps} kbit/s · keyframes every ${format.keyframe_interval_ms} ms`;
}

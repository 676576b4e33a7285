import type { ReactNode } from "react";
import type { ProgramFormat, StreamState } from "../../api/types.ts";
import { useForbidden } from "../../runtime-context.ts";
import { formatNumber, formatTime, formatUtc, UNKNOWN } from "../../ui/format.ts";
import { statusWords } from "../outputs/words.ts";

/** What is on air, from where, and to where. */
export function Facts({ state }: { readonly state: StreamState }) {
  const { scene, engine, outputs, worker_restarts, interruptions } = state;
  const last = interruptions.at(-1);
  const hasNoPanel = useForbidden("control-stream") !== null;
  return (
    <dl className="facts">
      <Fact name="Scene on air">
        {scene ? (
          <>
            {scene.name} <span className="facts__aside">revision {scene.revision}</span>
          </>
        ) : (
          UNKNOWN
        )}
      </Fact>
      <Fact name="Program">{state.program ? programText(state.program) : UNKNOWN}</Fact>
      <Fact name="Engine">
        {engine ? (
          <>
            {engine.instance} <span className="facts__aside">on {engine.host}</span>
          </>
        ) : (
          UNKNOWN
        )}
      </Fact>
      {hasNoPanel && (
        <Fact name="Outputs">
          {outputs.length === 0
            ? UNKNOWN
            : outputs.map((output) => (
                <span key={output.id} className="facts__output">
                  {output.name}{" "}
                  <span className="facts__aside">
                    {statusWords(output.kind, output.status).label.toLowerCase()}
                  </span>
                  {output.error && <span data-tone="bad"> {output.error}</span>}
                </span>
              ))}
        </Fact>
      )}
      <Fact name="Worker restarts">{worker_restarts}</Fact>
      <Fact name="Last interruption">
        {last ? (
          <span title={formatUtc(last.at)}>
            {formatTime(last.at)}, {formatNumber(last.length_ms / 1000, 1)} s{" "}
            <span className="facts__aside">{last.cause}</span>
          </span>
        ) : (
          "None"
        )}
      </Fact>
    </dl>
  );
}

function Fact({ name, children }: { readonly name: string; readonly children: ReactNode }) {
  return (
    <div className="facts__row">
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function programText({ width, height, framerate, encoder, preset }: ProgramFormat): string {
  return `${width} × ${height}, ${framerate} fps, ${encoder} ${preset}`;
}

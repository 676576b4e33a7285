import type { Incident, IncidentCause } from "../../api/types.ts";
import { Dialog } from "../../ui/dialog.tsx";
import { formatTime, formatUtc } from "../../ui/format.ts";
import { lengthWords } from "./words.ts";

interface IncidentDialogProps {
  readonly incident: Incident;
  readonly onClose: () => void;
}

/** An incident: what may have caused it and why that is believed, and what happened. */
export function IncidentDialog({ incident, onClose }: IncidentDialogProps) {
  return (
    <Dialog title={incident.title} onClose={onClose}>
      <div className="dialog__body incident">
        <p title={formatUtc(incident.began_at)}>
          {incident.severity}, since {formatTime(incident.began_at)},{" "}
          {lengthWords(incident, Date.now())}; something is wrong with{" "}
          {incident.affected.join(", ")}.
        </p>
        <h3 className="incident__heading">Causes</h3>
        <ol className="incident__list" aria-label="Causes">
          {incident.causes.map((cause) => (
            <Cause key={cause.component} cause={cause} />
          ))}
        </ol>
        <h3 className="incident__heading">Timeline</h3>
        <ol className="incident__list" aria-label="Timeline">
          {incident.timeline.map((moment) => (
            <li
              key={`${moment.at} ${moment.kind} ${moment.component} ${moment.code}`}
              className="incident__moment"
              data-kind={moment.kind}
            >
              <time dateTime={moment.at} title={formatUtc(moment.at)}>
                {formatTime(moment.at)}
              </time>
              <span className="incident__kind">{moment.kind}</span>
              <span>
                {moment.component}: {moment.text}
              </span>
            </li>
          ))}
        </ol>
      </div>
      <div className="dialog__actions">
        <button type="button" className="button" data-default onClick={onClose}>
          Close
        </button>
      </div>
    </Dialog>
  );
}

function Cause({ cause }: { readonly cause: IncidentCause }) {
  return (
    <li className="incident__cause">
      <details>
        <summary>
          <strong>{cause.component}</strong> {cause.code && <code>{cause.code}</code>}
          <meter min={0} max={1} value={cause.score} aria-label={`Score of ${cause.component}`} />
        </summary>
        <ul className="incident__evidence">
          {cause.evidence.map(({ kind, score, text }) => (
            <li key={kind}>
              {kind} {score.toFixed(2)}: {text}
            </li>
          ))}
        </ul>
      </details>
      <p className="alert__remedy">{cause.remedy}</p>
    </li>
  );
}

import { BellOff, ListChecks } from "lucide-react";
import { useState } from "react";
import type { Alert, Incident } from "../../api/types.ts";
import { useObservable } from "../../observable.ts";
import { useForbidden, useRuntime } from "../../runtime-context.ts";
import { formatTime, formatUtc } from "../../ui/format.ts";
import { IconButton } from "../../ui/icon-button.tsx";
import { Message } from "../../ui/message.tsx";
import { useBlocked } from "../link/use-link.ts";
import { IncidentDialog } from "./incident-dialog.tsx";
import { RulesDialog } from "./rules-dialog.tsx";
import { SilenceDialog } from "./silence-dialog.tsx";
import { lengthWords, muteWords, toneOf } from "./words.ts";
import "./alerts.css";

/** What fires, what went wrong, and the rules. Only for who may read measurements. */
export function AlertPanel() {
  const forbidden = useForbidden("read-metrics");
  return forbidden ? null : <Panel />;
}

function Panel() {
  const { alerts: store } = useRuntime();
  const firing = useObservable(store.firing);
  const history = useObservable(store.history);
  const incidents = useObservable(store.incidents);
  const silences = useObservable(store.silences);
  const failure = useObservable(store.failure);
  const blocked = useBlocked();
  const [silencing, setSilencing] = useState<Alert | null>(null);
  const [shown, setShown] = useState<string | null>(null);
  const [editing, setEditing] = useState(false);
  const incident = incidents.find(({ id }) => id === shown);

  return (
    <section className="panel alerts" aria-labelledby="alerts-title">
      <header className="panel__head">
        <h2 id="alerts-title" className="panel__title alerts__title">
          Alerts
        </h2>
        <IconButton
          icon={ListChecks}
          label="Alert rules"
          disabled={blocked !== null}
          onClick={() => setEditing(true)}
        />
      </header>
      {failure && <Message tone="warn">The alerts could not be read. {failure.message}</Message>}
      {firing?.length === 0 && <p className="alerts__note">Nothing fires.</p>}
      <ul className="alerts__list" aria-label="Firing alerts">
        {firing?.map((alert) => (
          <FiringAlert key={alert.id} alert={alert} onSilence={() => setSilencing(alert)} />
        ))}
      </ul>
      {silences.length > 0 && (
        <ul className="alerts__list" aria-label="Silences">
          {silences.map((silence) => (
            <li key={silence.id} className="alert" data-tone="calm">
              <div className="alert__what">
                <span className="alert__name">
                  {silence.kind === "maintenance" ? "Maintenance" : "Silence"}:{" "}
                  {silence.rule ?? "every rule"}
                </span>
                <span className="alert__reason" title={formatUtc(silence.until)}>
                  until {formatTime(silence.until)} · {silence.comment} · {silence.created_by}
                </span>
              </div>
              <button
                type="button"
                className="button"
                disabled={blocked !== null}
                onClick={() => void store.endSilence(silence.id)}
              >
                End
              </button>
            </li>
          ))}
        </ul>
      )}
      <details className="alerts__more">
        <summary>Incidents{` (${incidents.length})`}</summary>
        <ul className="alerts__list" aria-label="Incidents">
          {incidents.map((one) => (
            <IncidentRow key={one.id} incident={one} onShow={() => setShown(one.id)} />
          ))}
        </ul>
      </details>
      <details className="alerts__more">
        <summary>Alerts that are over{` (${history.length})`}</summary>
        <ul className="alerts__list" aria-label="Alerts that are over">
          {history.map((alert) => (
            <li key={alert.id} className="alert" data-tone="calm">
              <div className="alert__what">
                <span className="alert__name">{alert.name}</span>
                <span className="alert__reason" title={formatUtc(alert.fired_at)}>
                  {formatTime(alert.fired_at)} to{" "}
                  {alert.resolved_at ? formatTime(alert.resolved_at) : "now"}
                </span>
              </div>
            </li>
          ))}
        </ul>
      </details>
      {silencing && <SilenceDialog alert={silencing} onClose={() => setSilencing(null)} />}
      {incident && <IncidentDialog incident={incident} onClose={() => setShown(null)} />}
      {editing && <RulesDialog onClose={() => setEditing(false)} />}
    </section>
  );
}

interface FiringAlertProps {
  readonly alert: Alert;
  readonly onSilence: () => void;
}

function FiringAlert({ alert, onSilence }: FiringAlertProps) {
  const blocked = useBlocked();
  const muted = muteWords(alert);
  return (
    <li className="alert" data-tone={muted ? "calm" : toneOf(alert.severity)}>
      <div className="alert__what">
        <span className="alert__name">
          {alert.name} <span className="alert__severity">{alert.severity}</span>
          {muted && <span className="alert__severity">{muted}</span>}
        </span>
        <span className="alert__reason" title={formatUtc(alert.since)}>
          since {formatTime(alert.since)}: {alert.reason}
        </span>
        <span className="alert__remedy">{alert.remedy}</span>
      </div>
      {!muted && (
        <IconButton
          icon={BellOff}
          label={`Silence ${alert.name}`}
          disabled={blocked !== null}
          onClick={onSilence}
        />
      )}
    </li>
  );
}

interface IncidentRowProps {
  readonly incident: Incident;
  readonly onShow: () => void;
}

function IncidentRow({ incident, onShow }: IncidentRowProps) {
  const isOpen = incident.state === "open";
  return (
    <li className="alert" data-tone={isOpen ? toneOf(incident.severity) : "calm"}>
      <div className="alert__what">
        <button type="button" className="alert__link" onClick={onShow}>
          {incident.title}
        </button>
        <span className="alert__reason" title={formatUtc(incident.began_at)}>
          {formatTime(incident.began_at)} · {lengthWords(incident, Date.now())}
        </span>
      </div>
    </li>
  );
}

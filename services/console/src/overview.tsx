import { lazy, Suspense } from "react";
import { AssetPanel } from "./features/assets/asset-panel.tsx";
import { ChatPanel } from "./features/chat/chat-panel.tsx";
import { LayerPanel } from "./features/layers/layer-panel.tsx";
import { OutputPanel } from "./features/outputs/output-panel.tsx";
import { ProgramPanel } from "./features/program/program-panel.tsx";
import { RecordingPanel } from "./features/recordings/recording-panel.tsx";
import { ScenePanel } from "./features/scenes/scene-panel.tsx";
import { SchedulePanel } from "./features/schedules/schedule-panel.tsx";
import { LiveBar } from "./features/stream/live-bar.tsx";
import { StreamCard } from "./features/stream/stream-card.tsx";
import "./overview.css";

// Fetched by itself: what everybody loads first stays small.
const AlertPanel = lazy(async () => {
  const { AlertPanel: panel } = await import("./features/alerts/alert-panel.tsx");
  return { default: panel };
});

const HistoryPanel = lazy(async () => {
  const { HistoryPanel: panel } = await import("./features/analytics/history-panel.tsx");
  return { default: panel };
});

export function Overview() {
  return (
    <>
      <a className="skip-link" href="#content">
        Skip to the stream
      </a>
      <LiveBar />
      <main id="content" className="overview" tabIndex={-1}>
        <h1 className="visually-hidden">Stream Manager</h1>
        <div className="overview__stream">
          <StreamCard />
          <Suspense>
            <AlertPanel />
            <HistoryPanel />
          </Suspense>
          <OutputPanel />
          <ProgramPanel />
          <RecordingPanel />
        </div>
        <div className="overview__composing">
          <ScenePanel />
          <LayerPanel />
          <SchedulePanel />
          <AssetPanel />
        </div>
        <ChatPanel />
      </main>
    </>
  );
}

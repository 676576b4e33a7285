import { Suspense } from "react";
import { ChatPanel } from "./features/chat/chat-panel.tsx";
import { LayerPanel } from "./features/layers/layer-panel.tsx";
import { OutputPanel } from "./features/outputs/output-panel.tsx";
import { ProgramPanel } from "./features/program/program-panel.tsx";
import { ScenePanel } from "./features/scenes/scene-panel.tsx";
import { LiveBar } from "./features/stream/live-bar.tsx";
import { StreamCard } from "./features/stream/stream-card.tsx";
import { lazily } from "./ui/lazily.ts";
import "./overview.css";

const AlertPanel = lazily(async () => {
  return (await import("./features/alerts/alert-panel.tsx")).AlertPanel;
});
const HistoryPanel = lazily(async () => {
  return (await import("./features/analytics/history-panel.tsx")).HistoryPanel;
});
const RecordingPanel = lazily(async () => {
  return (await import("./features/recordings/recording-panel.tsx")).RecordingPanel;
});
const AssetPanel = lazily(async () => {
  return (await import("./features/assets/asset-panel.tsx")).AssetPanel;
});
const SchedulePanel = lazily(async () => {
  return (await import("./features/schedules/schedule-panel.tsx")).SchedulePanel;
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
          <Suspense>
            <RecordingPanel />
          </Suspense>
        </div>
        <div className="overview__composing">
          <ScenePanel />
          <LayerPanel />
          <Suspense>
            <SchedulePanel />
            <AssetPanel />
          </Suspense>
        </div>
        <ChatPanel />
      </main>
    </>
  );
}

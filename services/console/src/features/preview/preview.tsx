import {
  LoaderCircle,
  MonitorOff,
  Play,
  Snowflake,
  Volume2,
  VolumeX,
  Zap,
  ZapOff,
} from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { outcomeOf } from "../../api/client.ts";
import type { StreamStatus } from "../../api/types.ts";
import { appUrl } from "../../base-url.ts";
import { systemClock } from "../../clock.ts";
import { Observable, useObservable } from "../../observable.ts";
import type { Runtime } from "../../runtime.ts";
import { useRuntime } from "../../runtime-context.ts";
import { formatNumber } from "../../ui/format.ts";
import { IconButton } from "../../ui/icon-button.tsx";
import { useTickingText } from "../../ui/use-ticker.ts";
import { expectsPicture, STATUS_WORDS } from "../stream/status.ts";
import { chooseLowDelay, lowDelay } from "./low-delay-choice.ts";
import { LowDelayPlayer, playsLowDelay } from "./low-delay-player.ts";
import { LivePlayer, type PictureState } from "./player.ts";
import { type Delivery, PreviewPlayer } from "./preview-player.ts";
import { automaticLabel } from "./quality.ts";
import "./preview.css";

const NO_PICTURE = new Observable<PictureState>("off");
const BY_HLS = new Observable<Delivery>("hls");
const NEVER = new Observable(false);

/** The program as viewers get it, and how late. */
export function Preview({ status }: { readonly status: StreamStatus | null }) {
  const runtime = useRuntime();
  const video = useRef<HTMLVideoElement>(null);
  const [player, setPlayer] = useState<PreviewPlayer | null>(null);
  const [hls, setHls] = useState<LivePlayer | null>(null);
  const [muted, setMuted] = useState(true);
  const picture = useObservable(player?.state ?? NO_PICTURE);
  const delivery = useObservable(player?.delivery ?? BY_HLS);
  const fellBack = useObservable(player?.fellBack ?? NEVER);
  const fast = useObservable(lowDelay);
  const wanted = status !== null && expectsPicture(status);

  useEffect(() => {
    if (!video.current) return;
    const hls = createHlsPlayer(video.current, runtime);
    const created = createPlayer(video.current, hls, runtime);
    setHls(hls);
    setPlayer(created);
    const seen = () => {
      if (document.visibilityState === "visible") created.catchUp();
    };
    document.addEventListener("visibilitychange", seen);
    return () => {
      document.removeEventListener("visibilitychange", seen);
      created.stop();
    };
  }, [runtime]);

  useEffect(() => {
    if (wanted) player?.start();
    else player?.stop();
  }, [player, wanted]);

  useEffect(() => player?.choose(fast), [player, fast]);

  const age = useTickingText<HTMLSpanElement>(() => {
    const ageMs = player?.ageMs() ?? null;
    return ageMs === null ? "Picture age –" : `Picture ${formatNumber(ageMs / 1000, 1)} s old`;
  }, 500);

  return (
    <figure className="preview" data-picture={picture}>
      <video
        ref={video}
        className="preview__video"
        muted={muted}
        playsInline
        autoPlay
        disablePictureInPicture
        aria-label="Program preview"
      />
      <figcaption
        className="preview__chip preview__source"
        title={
          fellBack
            ? "A preview with little delay does not work here; this is the one that viewers get."
            : undefined
        }
      >
        Program preview
        {fast && showsPicture(picture) && (delivery === "hls" ? " · by HLS" : " · little delay")}
      </figcaption>
      <span className="preview__chip preview__age" ref={age} hidden={!showsPicture(picture)} />
      <Cover picture={picture} status={status} />
      <div className="preview__controls" hidden={!showsPicture(picture)}>
        <IconButton
          icon={muted ? VolumeX : Volume2}
          label={muted ? "Turn the preview's sound on" : "Turn the preview's sound off"}
          className="preview__button"
          onClick={() => setMuted(!muted)}
        />
        {hls && <QualityChoice player={hls} />}
        {player?.canLowDelay && (
          <IconButton
            icon={fast ? Zap : ZapOff}
            label={fast ? "Play as viewers get it" : "Play with little delay"}
            aria-pressed={fast}
            className="preview__button"
            onClick={() => chooseLowDelay(!fast)}
          />
        )}
        {picture === "frozen" && (
          <IconButton
            icon={Play}
            label="Play from now"
            className="preview__button"
            onClick={() => player?.catchUp()}
          />
        )}
      </div>
    </figure>
  );
}

/** Which encoding is shown, where there are several. */
function QualityChoice({ player }: { readonly player: LivePlayer }) {
  const qualities = useObservable(player.qualities);
  const chosen = useObservable(player.chosen);
  const shown = useObservable(player.shown);
  if (qualities.length === 0) return null;
  return (
    <select
      className="preview__quality"
      aria-label="Quality of the preview"
      value={chosen ?? ""}
      onChange={({ target }) => player.choose(target.value === "" ? null : Number(target.value))}
    >
      <option value="">{automaticLabel(qualities, chosen === null ? shown : null)}</option>
      {qualities.map(({ index, height, bitrate }) => (
        <option key={index} value={height}>
          {`${height}p, ${formatNumber(bitrate / 1_000_000, 1)} Mbit/s`}
        </option>
      ))}
    </select>
  );
}

interface CoverProps {
  readonly picture: PictureState;
  readonly status: StreamStatus | null;
}

/** What is said in place of, or over, a picture that does not move. */
function Cover({ picture, status }: CoverProps) {
  switch (picture) {
    case "playing":
      return null;
    case "frozen":
      return (
        <p className="preview__cover preview__cover--over">
          <Snowflake size={20} aria-hidden />
          The picture stands still. Waiting for the next frames.
        </p>
      );
    case "loading":
      return (
        <p className="preview__cover">
          <LoaderCircle size={24} aria-hidden />
          Waiting for the first picture…
        </p>
      );
    case "off":
      return (
        <p className="preview__cover">
          <MonitorOff size={24} aria-hidden />
          {status ? STATUS_WORDS[status].meaning : "Waiting for the stream's state…"}
        </p>
      );
    case "unsupported":
      return (
        <p className="preview__cover">
          <MonitorOff size={24} aria-hidden />
          This browser cannot play the preview. The stream is not affected.
        </p>
      );
  }
}

function showsPicture(picture: PictureState): boolean {
  return picture === "playing" || picture === "frozen";
}

function createPlayer(video: HTMLVideoElement, hls: LivePlayer, runtime: Runtime): PreviewPlayer {
  const { session, stream } = runtime;
  const lowDelayPlayer = (onGiveUp: () => void) =>
    new LowDelayPlayer(video, {
      whepUrl: () => appUrl(`live/${stream}/whep`).href,
      accessToken: () => session.accessToken(),
      renewToken: () => session.renew(),
      clock: systemClock,
      onGiveUp,
    });
  const ways = {
    hls,
    lowDelay: playsLowDelay() ? lowDelayPlayer : null,
  };
  return new PreviewPlayer(ways, lowDelay.get());
}

function createHlsPlayer(video: HTMLVideoElement, runtime: Runtime): LivePlayer {
  const { api, session, serverClock, stream } = runtime;
  return new LivePlayer(video, {
    playlistUrl: () => appUrl(`live/${stream}/master.m3u8`).href,
    signedPlaylistUrl: async () => {
      const outcome = await outcomeOf(api.POST("/api/stream/playback-url", { body: { stream } }));
      if (!outcome.ok) return null;
      // The same proof lets its bearer choose among all encodings.
      const url = outcome.data.url.replace(/^\//, "").replace("/index.m3u8", "/master.m3u8");
      return appUrl(url).href;
    },
    accessToken: () => session.accessToken(),
    renewToken: () => session.renew(),
    serverNow: () => serverClock.now(),
    clock: systemClock,
  });
}

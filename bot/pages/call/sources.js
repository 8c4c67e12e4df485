// Where pictures and sound come from: the camera, a screen, the drawn scene, the microphone.

import { CallError } from "./call.js";
import { playScene } from "./scene.js";

/** Why this page gets no camera, microphone or screen at all, or null. */
export const barred = () => (navigator.mediaDevices?.getUserMedia ? null : "insecure");
export const canShareScreen = () => Boolean(navigator.mediaDevices?.getDisplayMedia);

const REASONS = {
  camera: { NotAllowedError: "denied_camera", NotFoundError: "missing_camera", NotReadableError: "in_use" },
  mic: { NotAllowedError: "denied_mic", NotFoundError: "missing_mic", NotReadableError: "missing_mic" },
  screen: { NotAllowedError: "denied_screen", NotFoundError: "denied_screen" },
};

/** Opens a source: `{ kind, track, stream, close() }`. */
export async function openSource(kind) {
  if (kind === "scene") return { kind, ...opened(playScene()) };
  if (barred()) throw new CallError(barred());
  const devices = navigator.mediaDevices;
  const video = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 24, max: 30 } };
  const request =
    kind === "camera"
      ? devices.getUserMedia({ video: { ...video, facingMode: "user" } })
      : devices.getDisplayMedia({ video: { frameRate: { ideal: 15, max: 15 } }, audio: false });
  const stream = await explained(request, kind);
  const [track] = stream.getVideoTracks();
  track.contentHint = kind === "screen" ? "detail" : "motion";
  return { kind, ...opened({ stream, close: () => track.stop() }) };
}

export async function openMicrophone() {
  if (barred()) throw new CallError(barred());
  const audio = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
  const stream = await explained(navigator.mediaDevices.getUserMedia({ audio }), "mic");
  return stream.getAudioTracks()[0];
}

const opened = ({ stream, close }) => ({ stream, close, track: stream.getVideoTracks()[0] });

async function explained(request, kind) {
  try {
    return await request;
  } catch (error) {
    throw new CallError(REASONS[kind][error.name] ?? "failed_media");
  }
}

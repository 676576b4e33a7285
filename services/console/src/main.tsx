import { createRoot } from "react-dom/client";
import "@fontsource-variable/inter/wght.css";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/controls.css";
import { browserSession } from "./api/browser-session.ts";
import { App } from "./app.tsx";
import { keepRuntime } from "./runtime-keeper.ts";

const root = document.getElementById("root");
if (!root) throw new Error("index.html has no #root");

const session = browserSession();
const runtime = keepRuntime(session);
void session.restore();
// The address that guests are given.
if (location.hash === "#guest") void session.comeAsGuest();
createRoot(root).render(<App session={session} runtime={runtime} />);

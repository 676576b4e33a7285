import { Suspense, useState } from "react";
import type { Session } from "./api/session.ts";
import { RecoveryCodesDialog } from "./features/account/recovery-codes.tsx";
import { LiveRegion } from "./features/announcements/live-region.tsx";
import { ExpiredDialog } from "./features/session/expired-dialog.tsx";
import { linkToken } from "./features/session/password-link.ts";
import { Restoring } from "./features/session/restoring.tsx";
import { SignInPage } from "./features/session/sign-in-page.tsx";
import { type Observable, useObservable } from "./observable.ts";
import { Overview } from "./overview.tsx";
import type { Runtime } from "./runtime.ts";
import { RuntimeContext } from "./runtime-context.ts";
import { lazily } from "./ui/lazily.ts";

const GuestPage = lazily(async () => {
  return (await import("./features/guests/guest-page.tsx")).GuestPage;
});
const ChoosePasswordPage = lazily(async () => {
  return (await import("./features/session/choose-password-page.tsx")).ChoosePasswordPage;
});

interface AppProps {
  readonly session: Session;
  readonly runtime: Observable<Runtime | null>;
}

export function App({ session, runtime: kept }: AppProps) {
  const state = useObservable(session.state);
  const runtime = useObservable(kept);
  const codes = useObservable(session.recoveryCodes);

  const [token, setToken] = useState(linkToken);

  if (token) {
    const leave = () => {
      // Out of the address and its history, whoever looks next.
      history.replaceState(null, "", location.pathname + location.search);
      setToken(null);
    };
    return (
      <Suspense>
        <ChoosePasswordPage token={token} onDone={leave} />
      </Suspense>
    );
  }
  if (state.kind === "restoring") return <Restoring failure={state.failure} />;
  if (state.kind === "signed-out" || !runtime) return <SignInPage session={session} />;
  return (
    <RuntimeContext value={runtime}>
      <Suspense>{state.kind === "guest" ? <GuestPage /> : <Overview />}</Suspense>
      <LiveRegion announcer={runtime.announcer} />
      {codes && (
        <RecoveryCodesDialog codes={codes} onSeen={() => session.recoveryCodes.set(null)} />
      )}
      {state.kind === "expired" && <ExpiredDialog session={session} name={state.identity.name} />}
    </RuntimeContext>
  );
}

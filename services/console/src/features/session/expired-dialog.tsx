import type { Session } from "../../api/session.ts";
import { Dialog } from "../../ui/dialog.tsx";
import { SignInForm } from "./sign-in-form.tsx";

interface ExpiredDialogProps {
  readonly session: Session;
  readonly name: string;
}

/** Over the page, which stays as it was: signing in again goes on where one was. */
export function ExpiredDialog({ session, name }: ExpiredDialogProps) {
  return (
    <Dialog title="Sign in again">
      <div className="dialog__body">
        <p>Your sign-in has ended. The stream is not affected, and this page stays as it is.</p>
        <SignInForm session={session} name={name} />
        <button
          type="button"
          className="button button--quiet"
          onClick={() => void session.signOut()}
        >
          Leave instead
        </button>
      </div>
    </Dialog>
  );
}

import type { Session } from "../../api/session.ts";
import { GuestEntrance } from "../guests/guest-entrance.tsx";
import { Brand } from "./brand.tsx";
import { SignInForm } from "./sign-in-form.tsx";
import "./session.css";

export function SignInPage({ session }: { readonly session: Session }) {
  return (
    <main className="gate">
      <div className="gate__card">
        <h1>
          <Brand />
        </h1>
        <SignInForm session={session} />
        <GuestEntrance session={session} />
      </div>
    </main>
  );
}

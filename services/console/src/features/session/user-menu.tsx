import { CircleUserRound, LogOut, ShieldCheck, Users } from "lucide-react";
import { Suspense, useId, useRef, useState } from "react";
import { useObservable } from "../../observable.ts";
import { useForbidden, useIdentity, useRuntime } from "../../runtime-context.ts";
import { lazily } from "../../ui/lazily.ts";
import { chooseTheme, type Theme, theme } from "../../ui/theme.ts";
import { consoleVersion } from "../../version.ts";
import "./user-menu.css";

const AccountDialog = lazily(async () => {
  return (await import("../account/account-dialog.tsx")).AccountDialog;
});
const PeopleDialog = lazily(async () => {
  return (await import("../people/people-dialog.tsx")).PeopleDialog;
});

const THEMES: readonly { readonly value: Theme; readonly label: string }[] = [
  { value: "system", label: "System" },
  { value: "dark", label: "Dark" },
  { value: "light", label: "Light" },
];

export function UserMenu() {
  const [open, setOpen] = useState<"account" | "people" | null>(null);
  const menu = useRef<HTMLDivElement>(null);
  const { session } = useRuntime();
  const identity = useIdentity();
  const mayNotManage = useForbidden("manage-users");
  const chosen = useObservable(theme);
  const id = useId();
  return (
    <>
      <button
        type="button"
        className="icon-button"
        aria-label="Account and appearance"
        title="Account and appearance"
        popoverTarget={id}
      >
        <CircleUserRound size={20} aria-hidden />
      </button>
      <div ref={menu} id={id} popover="auto" className="popover user-menu">
        <p className="user-menu__who">
          <strong>{identity?.name}</strong>
          <span>{identity?.role}</span>
        </p>
        <fieldset>
          <legend className="field__label">Theme</legend>
          <div className="user-menu__themes">
            {THEMES.map(({ value, label }) => (
              <label key={value} className="user-menu__theme">
                <input
                  type="radio"
                  name="theme"
                  checked={chosen === value}
                  onChange={() => chooseTheme(value)}
                />
                <span>{label}</span>
              </label>
            ))}
          </div>
        </fieldset>
        <button
          type="button"
          className="button"
          onClick={() => {
            menu.current?.hidePopover();
            setOpen("account");
          }}
        >
          <ShieldCheck size={16} aria-hidden />
          Your account
        </button>
        {!mayNotManage && (
          <button
            type="button"
            className="button"
            onClick={() => {
              menu.current?.hidePopover();
              setOpen("people");
            }}
          >
            <Users size={16} aria-hidden />
            People
          </button>
        )}
        <button type="button" className="button" onClick={() => void session.signOut()}>
          <LogOut size={16} aria-hidden />
          Sign out
        </button>
        <p className="user-menu__version">Console {consoleVersion}</p>
      </div>
      <Suspense>
        {open === "account" && <AccountDialog onClose={() => setOpen(null)} />}
        {open === "people" && <PeopleDialog onClose={() => setOpen(null)} />}
      </Suspense>
    </>
  );
}

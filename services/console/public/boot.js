// Says so when the console itself does not come, where a blank page would say nothing. A file of its
// own: the policy forbids inline code.
addEventListener(
  "error",
  ({ target }) => {
    const root = document.getElementById("root");
    if (!(target instanceof HTMLScriptElement) || !root || root.hasChildNodes()) return;
    const words = document.createElement("p");
    words.setAttribute("role", "alert");
    words.textContent = "The console could not be loaded. The stream is not affected.";
    const again = document.createElement("button");
    again.className = "button button--primary";
    again.textContent = "Try again";
    again.addEventListener("click", () => location.reload());
    const card = document.createElement("div");
    card.className = "gate__card";
    card.append(words, again);
    const gate = document.createElement("main");
    gate.className = "gate";
    gate.append(card);
    root.append(gate);
  },
  // Errors of loading do not bubble.
  true,
);

// Applies the chosen theme before the first paint. A file of its own: the policy forbids inline code.
try {
  const theme = localStorage.getItem("stream-manager.theme");
  if (theme === "dark" || theme === "light") document.documentElement.dataset.theme = theme;
} catch {
  // Storage is off; the system's preference holds.
}

// Runs before the first paint, so that a chosen look never flashes another one.
try {
  const theme = localStorage.getItem("theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  const size = localStorage.getItem("text");
  if (/^[12]\d\d$/.test(size ?? "")) document.documentElement.style.fontSize = `${size}%`;
} catch {
  // Without storage the system's theme and size stand.
}

/** Small things this window remembers: which commons was open, light or dark. Nothing that would be missed. */

export function remembered(what: string): string | null {
  try {
    return localStorage.getItem(what);
  } catch {
    return null;
  }
}

export function remember(what: string, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(what);
    else localStorage.setItem(what, value);
  } catch {
    // A window without storage starts afresh each time.
  }
}

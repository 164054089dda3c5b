/** Acts at once and then not more often than every `ms`; what was asked in between is done once at the end. */
export function paced(ms: number, act: () => void): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let again = false;
  const rest = (): void => {
    timer = setTimeout(() => {
      timer = undefined;
      if (!again) return;
      again = false;
      act();
      rest();
    }, ms);
  };
  return () => {
    if (timer !== undefined) {
      again = true;
      return;
    }
    act();
    rest();
  };
}

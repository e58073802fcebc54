// TypeScript reads the types of the module. `make lint` checks this file: an error that does not occur is one.

import { LONGEST_PASSWORD, Reading, WrongPassword, readings } from "../wrpi.js";

export async function follow(url: URL, signal: AbortSignal): Promise<string | undefined> {
  try {
    for await (const reading of readings(url, "a".repeat(LONGEST_PASSWORD), { signal, share: false })) {
      const [value, age]: [string, number] = [reading.value, reading.age];
      // @ts-expect-error It is text.
      const sum: number = reading.value + 1;
      // @ts-expect-error It cannot be set.
      reading.age = 0;
      return `${value} ${age} ${sum} ${reading.calculatedAt.toISOString()}`;
    }
  } catch (error) {
    if (!(error instanceof WrongPassword)) throw error;
  }
  readings("http://test", "a", { onState: ({ name, retryAt, status }) => [name === "live", retryAt ?? 0, status] });
  // @ts-expect-error The password is missing.
  readings("http://test");
  // @ts-expect-error It is no URL.
  readings(8080, "a");
  // @ts-expect-error There is no such option.
  readings(url, "a", { retry: true });
  // @ts-expect-error There is no such state.
  readings(url, "a", { onState: ({ name }) => name === "offline" });
}

export const values = (all: Reading[]): string[] => all.map(({ value }) => value);

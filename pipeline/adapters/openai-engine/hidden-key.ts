/** What stands in place of the API key wherever a server repeats it. */
export const hiddenKey = "‹API key›";

/** What is shorter is no secret but a placeholder, such as EMPTY, that any text may hold. */
const shortestKey = 8;

/**
 * Puts `hiddenKey` in place of the API key in what a server sent, before anything is made of it: error messages, lists of
 * models and texts come into artifacts and onto terminals. The key is found as it is, and within JSON within JSON.
 */
export function keyHider(apiKey: string | undefined): (text: string) => string {
  if (apiKey === undefined || apiKey.length < shortestKey) return (text) => text;
  const inAnyJson = Array.from(apiKey, (character) => {
    if (character === "\\") return "\\\\+";
    return `${/["/]/u.test(character) ? "\\\\*" : ""}\\u{${character.charCodeAt(0).toString(16)}}`;
  });
  const pattern = new RegExp(inAnyJson.join(""), "gu");
  return (text) => text.replace(pattern, hiddenKey);
}

/** Whether a text has the key in it, or what stands in its place. A text that was changed is no text of the model. */
export function holdsKey(text: string, apiKey: string | undefined): boolean {
  return text.includes(hiddenKey) || keyHider(apiKey?.trim())(text) !== text;
}

/** A fetch whose replies are read whole, without the key. */
export function fetchWithoutKey(fetcher: typeof fetch, hide: (text: string) => string): typeof fetch {
  return async (input, init) => {
    const response = await fetcher(input, init);
    const { status, statusText, headers } = response;
    const text = hide(await response.text());
    return new Response(text === "" ? null : text, { status, statusText, headers });
  };
}

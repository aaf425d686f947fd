const sharedFrom = 13; // V8's SlicedString::kMinLength: shorter parts are copies anyway

/**
 * A text for itself. V8 keeps a part of a text as a reference to the whole, so an answer that is kept would keep all that
 * its candidate wrote.
 */
export function ownCopy(part: string): string {
  return part.length < sharedFrom ? part : Buffer.from(part, "utf16le").toString("utf16le");
}

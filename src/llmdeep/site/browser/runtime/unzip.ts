/** Reads the zips that bundle.py writes: entries stored, not compressed, sizes in their headers. */

const ENTRY = 0x04034b50; // "PK\3\4", where each entry begins

/** Each file of the zip with its path; the bytes are a window on `zip`, not a copy. */
export function* unzip(zip: ArrayBuffer): Generator<[path: string, bytes: Uint8Array]> {
  const view = new DataView(zip);
  const decoder = new TextDecoder();
  let at = 0;
  while (view.getUint32(at, true) === ENTRY) {
    const size = view.getUint32(at + 22, true);
    const nameLength = view.getUint16(at + 26, true);
    const start = at + 30 + nameLength + view.getUint16(at + 28, true);
    const path = decoder.decode(new Uint8Array(zip, at + 30, nameLength));
    yield [path, new Uint8Array(zip, start, size)];
    at = start + size;
  }
}

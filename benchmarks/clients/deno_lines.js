// Stands in for the reader of lines that dspy's script imports from deno.land.
export async function* readLines(source) {
  const decoder = new TextDecoder();
  const chunk = new Uint8Array(1 << 16);
  let parts = [];
  for (;;) {
    const count = await source.read(chunk);
    if (count === null) break;
    const pieces = decoder.decode(chunk.subarray(0, count), { stream: true }).split("\n");
    while (pieces.length > 1) {
      parts.push(pieces.shift());
      yield parts.join("");
      parts = [];
    }
    parts.push(pieces[0]);
  }
  if (parts.join("")) yield parts.join("");
}

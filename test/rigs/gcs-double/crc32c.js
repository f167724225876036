// @ts-check
/** Tables of CRC-32C (RFC 3720 §12.1), eight of them, so that eight bytes are taken in one step. */
const tables = Array.from({ length: 8 }, () => new Int32Array(256));
const [first = new Int32Array(256)] = tables;

for (let byte = 0; byte < 256; byte++) {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1;
  first[byte] = value;
}
for (let byte = 0; byte < 256; byte++) {
  for (let index = 1; index < 8; index++) {
    const before = at(index - 1, byte);
    table(index)[byte] = (before >>> 8) ^ at(0, before & 255);
  }
}

/** @param {number} index */
function table(index) {
  return tables[index] ?? first;
}

/** @param {number} index @param {number} byte */
function at(index, byte) {
  return table(index)[byte] ?? 0;
}

const [t0 = first, t1 = first, t2 = first, t3 = first, t4 = first, t5 = first, t6 = first, t7 = first] =
  tables;

/** CRC-32C of bytes that pass by. */
export class Crc32c {
  #state = -1;

  /** @param {Uint8Array} bytes */
  update(bytes) {
    let crc = this.#state;
    let index = 0;
    const length = bytes.length;
    for (; index + 8 <= length; index += 8) {
      crc ^=
        b(bytes, index) |
        (b(bytes, index + 1) << 8) |
        (b(bytes, index + 2) << 16) |
        (b(bytes, index + 3) << 24);
      crc =
        e(t7, crc & 255) ^
        e(t6, (crc >>> 8) & 255) ^
        e(t5, (crc >>> 16) & 255) ^
        e(t4, crc >>> 24) ^
        e(t3, b(bytes, index + 4)) ^
        e(t2, b(bytes, index + 5)) ^
        e(t1, b(bytes, index + 6)) ^
        e(t0, b(bytes, index + 7));
    }
    for (; index < length; index++) crc = (crc >>> 8) ^ e(t0, (crc ^ b(bytes, index)) & 255);
    this.#state = crc;
    return this;
  }

  /** Big-endian, in base64, as the service writes it. */
  base64() {
    const bytes = Buffer.alloc(4);
    bytes.writeInt32BE(~this.#state);
    return bytes.toString("base64");
  }
}

/** @param {Uint8Array} bytes @param {number} index */
function b(bytes, index) {
  return bytes[index] ?? 0;
}

/** @param {Int32Array} values @param {number} index */
function e(values, index) {
  return values[index] ?? 0;
}

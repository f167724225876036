/** The polynomial of crc32, its bits in reverse (ISO 3309). */
const polynomial = 0xedb88320;

/** The crc32 of two contents one behind the other, from that of each and the length of the second. */
export function combineCrc32(first: number, second: number, secondBytes: number): number {
  return (times(first, powerOfX(8n * BigInt(secondBytes))) ^ second) >>> 0;
}

/** The product of two polynomials over GF(2), modulo the one of crc32; the highest bit is the coefficient of x^0. */
function times(a: number, b: number): number {
  let product = 0;
  let shifted = b;
  for (let bit = 31; bit >= 0; bit--) {
    if (((a >>> bit) & 1) === 1) product ^= shifted;
    shifted = (shifted >>> 1) ^ ((shifted & 1) * polynomial);
  }
  return product >>> 0;
}

function powerOfX(exponent: bigint): number {
  let power = 0x80000000;
  let square = 0x40000000;
  for (let left = exponent; left > 0n; left >>= 1n) {
    if ((left & 1n) === 1n) power = times(power, square);
    square = times(square, square);
  }
  return power;
}

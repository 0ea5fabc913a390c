// CRC-32 of bytes whose parts have been checksummed already. Source: zlib's crc32_combine, in polynomials over GF(2), bits reflected.

/** IEEE's polynomial. */
const POLYNOMIAL = 0xedb88320;
const ONE = 0x80000000;
/** x^(2^n) modulo the polynomial. */
const POWERS = powers();

/** The checksum of bytes that have `first`, followed by `secondBytes` bytes that have `second`. Complexity: 32 steps for each bit of the length. */
export function combineCrc32(first: number, second: number, secondBytes: number): number {
  return (multiply(powerOfX(secondBytes), first) ^ second) >>> 0;
}

function multiply(a: number, b: number): number {
  let product = 0;
  let left = b;
  for (let bit = ONE; bit !== 0; bit >>>= 1) {
    if ((a & bit) !== 0) product ^= left;
    left = (left & 1) === 0 ? left >>> 1 : (left >>> 1) ^ POLYNOMIAL;
  }
  return product >>> 0;
}

/** x to the power of the bits in so many bytes. */
function powerOfX(bytes: number): number {
  let power = ONE;
  for (let left = bytes, at = 3; left > 0; left = Math.floor(left / 2), at++)
    if (left % 2 === 1) power = multiply(POWERS[at % POWERS.length] as number, power);
  return power;
}

function powers(): Uint32Array {
  const all = new Uint32Array(32);
  let power = ONE >>> 1;
  for (let index = 0; index < all.length; index++) {
    all[index] = power;
    power = multiply(power, power);
  }
  return all;
}

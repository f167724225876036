/** One line that is overwritten on a terminal, and written once a step elsewhere. */
export class Progress {
  #stream = process.stderr;
  #started = Date.now();

  /** @param {string} text */
  show(text) {
    const seconds = String(Math.round((Date.now() - this.#started) / 1000)).padStart(4);
    if (!this.#stream.isTTY) this.#stream.write(`${seconds} s  ${text}\n`);
    else this.#stream.write(`\r\u001b[2K${seconds} s  ${text}`);
  }

  clear() {
    if (this.#stream.isTTY) this.#stream.write("\r\u001b[2K");
  }
}

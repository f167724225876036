// @ts-check
import { BSON } from "mongodb";

/**
 * The messages of MongoDB's wire protocol: OP_MSG for commands and answers, and OP_QUERY with its OP_REPLY for the first
 * hello of a connection, which drivers still send that way.
 *
 * @typedef {Record<string, unknown>} Doc
 * @typedef {{ id: number, isLegacy: boolean, command: Doc }} Request
 */

const opReply = 1;
const opQuery = 2004;
const opMsg = 2013;
const headerSize = 16;
const checksumPresent = 1;
const moreToCome = 2;
/** Flags below this bit must be understood by a receiver. */
const requiredFlags = 0xffff;
export const maxMessageBytes = 48_000_000;

/** @typedef {import("node:net").Socket} Socket */

/**
 * The requests of a connection. Throws when it sends something that is no message, as a server then hangs up.
 *
 * @param {Socket} socket
 * @returns {AsyncGenerator<Request>}
 */
export async function* readRequests(socket) {
  /** @type {Buffer[]} */
  let pieces = [];
  let size = 0;
  let wanted = headerSize;
  for await (const piece of socket) {
    pieces.push(piece);
    size += piece.length;
    if (size < wanted) continue;
    let held = Buffer.concat(pieces);
    while (held.length >= headerSize && held.length >= lengthOf(held)) {
      const end = lengthOf(held);
      yield parseRequest(held.subarray(0, end));
      held = held.subarray(end);
    }
    pieces = [held];
    size = held.length;
    wanted = held.length < headerSize ? headerSize : lengthOf(held);
  }
}

/** @param {Buffer} held */
function lengthOf(held) {
  const size = held.readInt32LE(0);
  if (size < headerSize || size > maxMessageBytes) throw new Error(`a message of ${size} bytes`);
  return size;
}

/**
 * @param {Buffer} message
 * @returns {Request}
 */
function parseRequest(message) {
  const id = message.readInt32LE(4);
  const code = message.readInt32LE(12);
  if (code === opMsg) return { id, isLegacy: false, command: parseSections(message) };
  if (code !== opQuery) throw new Error(`operation ${code}`);
  const nameEnd = message.indexOf(0, headerSize + 4);
  return { id, isLegacy: true, command: BSON.deserialize(message.subarray(nameEnd + 9)) };
}

/**
 * @param {Buffer} message
 * @returns {Doc}
 */
function parseSections(message) {
  const flags = message.readUInt32LE(headerSize);
  if ((flags & requiredFlags & ~moreToCome) !== 0) throw new Error(`flags ${flags & ~checksumPresent}`);
  /** @type {Doc} */
  const command = {};
  for (let at = headerSize + 4; at < message.length; ) {
    const kind = message[at];
    const start = at + 1;
    const size = message.readInt32LE(start);
    const section = message.subarray(start, start + size);
    if (kind === 0) Object.assign(command, BSON.deserialize(section));
    else if (kind === 1) Object.assign(command, parseSequence(section));
    else throw new Error(`a section of kind ${kind}`);
    at = start + size;
  }
  return command;
}

/**
 * A section that holds the documents of one field.
 *
 * @param {Buffer} section
 * @returns {Doc}
 */
function parseSequence(section) {
  const nameEnd = section.indexOf(0, 4);
  const documents = [];
  for (let at = nameEnd + 1; at < section.length; at += section.readInt32LE(at)) {
    documents.push(BSON.deserialize(section.subarray(at, at + section.readInt32LE(at))));
  }
  return { [section.toString("utf8", 4, nameEnd)]: documents };
}

/**
 * @param {Request} request
 * @param {Doc} answer
 * @returns {Buffer}
 */
export function answerTo({ id, isLegacy }, answer) {
  const body = BSON.serialize(answer);
  // OP_REPLY: flags, cursor, starting point, number of documents. OP_MSG: flags, and a section of kind 0.
  const front = Buffer.alloc(isLegacy ? 20 : 5);
  if (isLegacy) front.writeInt32LE(1, 16);
  const header = Buffer.alloc(headerSize);
  header.writeInt32LE(headerSize + front.length + body.length, 0);
  header.writeInt32LE(id, 8);
  header.writeInt32LE(isLegacy ? opReply : opMsg, 12);
  return Buffer.concat([header, front, body]);
}

import { listedKeys, pageKeys } from "../harness/listed-keys.js";
import { xml } from "./answers.js";

const parameters = /(?:^|&)(continuation-token|start-after|encoding-type|max-keys)=([^&]*)/g;

/** The pages of ListObjectsV2, each made when it is first asked for and then kept, so that a second listing costs nothing. */
export class ListPages {
  #keys;
  /** @type {Map<string, number>} */
  #places;
  /** @type {Map<string, Buffer>} */
  #made = new Map();

  /** @param {number} count of pages of a thousand. */
  constructor(count) {
    this.#keys = listedKeys(count);
    this.#places = new Map(this.#keys.map((key, at) => [key, at]));
  }

  /** @param {string} query */
  answer(query) {
    const known = this.#made.get(query);
    if (known !== undefined) return known;
    const asked = Object.fromEntries([...query.matchAll(parameters)].map(([, name, value]) => [name, value]));
    const start = this.#startOf(asked);
    const end = start + Number(asked["max-keys"] ?? pageKeys);
    const keys = this.#keys.slice(start, end);
    const next = end < this.#keys.length ? `at-${end}` : undefined;
    const made = xml(pageOf(keys, next, asked["encoding-type"] === "url"));
    this.#made.set(query, made);
    return made;
  }

  /** Only a key that is there is known as a place to start after. @param {Record<string, string | undefined>} asked */
  #startOf({ "continuation-token": token, "start-after": after }) {
    if (token) return Number(token.replace("at-", ""));
    return after ? (this.#places.get(decodeURIComponent(after)) ?? Number.NaN) + 1 : 0;
  }
}

/**
 * @param {readonly string[]} keys
 * @param {string | undefined} next
 * @param {boolean} isEncoded
 */
function pageOf(keys, next, isEncoded) {
  const encoding = isEncoded ? "<EncodingType>url</EncodingType>" : "";
  const more = next === undefined ? "" : `<NextContinuationToken>${next}</NextContinuationToken>`;
  const about = `<Name>bench</Name><Prefix></Prefix><KeyCount>${keys.length}</KeyCount><MaxKeys>${pageKeys}</MaxKeys>`;
  const contents = keys.map((key) => contentsOf(isEncoded ? encodeURI(key).replaceAll("&", "%26") : key));
  return (
    '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">' +
    `${about}${encoding}<IsTruncated>${next !== undefined}</IsTruncated>${more}${contents.join("")}</ListBucketResult>`
  );
}

/** @param {string} key */
function contentsOf(key) {
  const etag = "&quot;9e107d9d372bb6826bd81d3542a419d6&quot;";
  return (
    `<Contents><Key>${key.replaceAll("&", "&amp;")}</Key><LastModified>2024-01-31T23:59:59.000Z</LastModified>` +
    `<ETag>${etag}</ETag><Size>16384</Size><StorageClass>STANDARD</StorageClass></Contents>`
  );
}

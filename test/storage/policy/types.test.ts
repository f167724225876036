import { deflateRawSync } from "node:zlib";
import { Storage, UnsupportedTypeError } from "svc-infra/storage";
import { MemoryBackend } from "svc-infra/storage/memory";
import type { PolicyOptions } from "svc-infra/storage/policy";
import { describe, expect, it } from "vitest";

const png = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
  "base64",
);
const gif = Buffer.from("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7", "base64");
const jpeg = Buffer.from("/9j/4AAQSkZJRgABAQEASABIAAD/2wBDAP//////////////", "base64");
const svg = '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>';
const html = "<!DOCTYPE html><script>alert(1)</script>";
const script = "<script>alert(1)</script>";
const pdf = "%PDF-1.7\n1 0 obj\n";
const docxType = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";

/** It stands first: the signatures are loaded for the first content of a process. */
it("decides the first content of a process as the same content later", async () => {
  const storage = new Storage(new MemoryBackend(), { policy: { types: ["text/plain"] } });
  const text = Buffer.concat([Buffer.from("c5d0d3c6", "hex"), Buffer.from(" and other words")]);
  for (const key of ["first", "later"]) await storage.put(key, text, { contentType: "text/plain" });
  expect(await storage.listKeys()).toEqual(["first", "later"]);
});

/** A zip of one entry without checksums, as far as sniffers look. */
function zip(name: string, content: string): Buffer {
  const data = deflateRawSync(content);
  const header = Buffer.alloc(30);
  header.write("PK\x03\x04", "latin1");
  header.writeUInt16LE(20, 4);
  header.writeUInt16LE(8, 8);
  header.writeUInt32LE(data.byteLength, 18);
  header.writeUInt32LE(content.length, 22);
  header.writeUInt16LE(name.length, 26);
  return Buffer.concat([header, Buffer.from(name), data]);
}

const docx = zip(
  "[Content_Types].xml",
  `<Types><Override PartName="/word/document.xml" ContentType="${docxType}.main+xml"/></Types>`,
);
const plainZip = zip("a.txt", "hello");

/** The begin of a compound file, as Office wrote it before its documents were archives. */
const cfb = Buffer.concat([Buffer.from("d0cf11e0a1b11ae1", "hex"), Buffer.alloc(600)]);
const anyBytes = Buffer.alloc(9, 7);
const wordType = "application/msword";
const excelType = "application/vnd.ms-excel";
const stlType = "application/vnd.ms-pki.stl";
const ownType = "application/x-own";
const unknown = "application/octet-stream";
const gifScript = "GIF89a=1;alert(1)";
const chartType = "application/vnd.oasis.opendocument.chart";

/** Older names and those that browsers send, of types that {@link aliased} names otherwise. */
const aliases = [
  "image/jpg",
  "image/pjpeg",
  "image/x-png",
  "image/vnd.microsoft.icon",
  "image/x-ms-bmp",
  "audio/mp3",
  "audio/m4a",
  "audio/x-wav",
  "audio/wave",
  "application/x-gzip",
  "application/x-zip-compressed",
  "video/x-msvideo",
  "video/x-matroska",
];
const aliased: PolicyOptions = {
  types: [
    "image/jpeg",
    "image/png",
    "image/x-icon",
    "image/bmp",
    "audio/mpeg",
    "audio/mp4",
    "audio/wav",
    "application/gzip",
    "application/zip",
    "video/avi",
    "video/webm",
  ],
};

/** What is stored as its type, or the code of the refusal. */
async function decided(
  policy: PolicyOptions,
  content: string | Uint8Array,
  contentType?: string,
  name = "file",
) {
  const storage = new Storage(new MemoryBackend(), { policy });
  try {
    return (await storage.put(name, content, { contentType })).contentType;
  } catch (error) {
    expect(await storage.listKeys()).toEqual([]);
    return error instanceof UnsupportedTypeError ? "refused" : String(error);
  }
}

const images: PolicyOptions = { types: ["image/*"] };
const texts: PolicyOptions = { types: ["text/plain", "text/csv", "application/json", "text/markdown"] };

/** As drawing programs write it. */
const drawn = `<?xml version="1.0"?>\n<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "svg11.dtd" [ <!ENTITY ns "http://example.com/"> ]>\n${svg}`;

describe("a policy of types decides", () => {
  it.each<[string, PolicyOptions, string | Uint8Array, string | undefined, string, string]>([
    ["a picture", images, png, "image/png", "a.png", "image/png"],
    ["a picture without a claim", images, jpeg, undefined, "a", "image/jpeg"],
    ["a picture that says it is bytes", images, gif, "application/octet-stream", "a", "image/gif"],
    ["a picture by an older name of its type", images, jpeg, "image/jpg", "a.jpg", "image/jpg"],
    ["a picture that says it is another", images, png, "image/jpeg", "a.jpg", "refused"],
    ["HTML that is named and says it is a picture", images, html, "image/jpeg", "a.jpg", "refused"],
    ["HTML that is named as a picture", images, html, undefined, "a.jpg", "refused"],
    ["SVG that is named and says it is a picture", images, svg, "image/png", "a.png", "refused"],
    ["SVG, which a group does not name", images, svg, "image/svg+xml", "a.svg", "refused"],
    ["SVG that is named exactly", { types: ["image/svg+xml"] }, svg, "image/svg+xml", "a", "image/svg+xml"],
    ["SVG behind a prolog", images, `<?xml version="1.0"?><!-- x --> ${svg}`, "image/png", "a", "refused"],
    ["SVG behind the declarations of its document type", images, drawn, "image/png", "a.png", "refused"],
    [
      "SVG behind such declarations as SVG",
      { types: ["image/svg+xml"] },
      drawn,
      "image/svg+xml",
      "a.svg",
      "image/svg+xml",
    ],
    [
      "SVG behind such declarations as XML",
      { types: ["application/xml"] },
      drawn,
      "application/xml",
      "a",
      "refused",
    ],
    [
      "SVG by its document type behind a prolog",
      images,
      `<?xml version="1.0"?><!DOCTYPE svg>`,
      "image/png",
      "a",
      "refused",
    ],
    [
      "XML without a declaration",
      { types: ["application/xml"] },
      "<note/>",
      "application/xml",
      "a",
      "application/xml",
    ],
    ["XML without a declaration as text", texts, "<note/>", "text/plain", "a", "refused"],
    ["HTML that says it is XML", { types: ["application/xml"] }, html, "application/xml", "a", "refused"],
    [
      "HTML by its document type that says it is XML",
      { types: ["application/xml"] },
      "<!doctype html><note/>",
      "application/xml",
      "a",
      "refused",
    ],
    ["SVG behind blanks and a mark", images, `\uFEFF\n  ${svg}`, "image/png", "a.png", "refused"],
    ["SVG in UTF-16", images, Buffer.from(`\uFEFF${svg}`, "utf16le"), "image/png", "a", "refused"],
    [
      "a picture with a script behind it",
      images,
      Buffer.concat([gif, Buffer.from(script)]),
      "image/gif",
      "a",
      "image/gif",
    ],
    [
      "a picture with a page behind it as a page",
      { types: ["text/html"] },
      Buffer.concat([png, Buffer.from(html)]),
      "text/html",
      "a",
      "refused",
    ],
    ["a script that begins like a picture", images, "GIF89a=1;alert(1)", "image/gif", "a.gif", "refused"],
    ["text that says it is a picture", images, "hello", "image/png", "a.png", "refused"],
    ["bytes that say they are a picture", images, Buffer.alloc(64, 1), "image/png", "a.png", "refused"],
    ["nothing at all as a picture", images, "", "image/png", "a.png", "refused"],
    ["text", texts, "hello", "text/plain; charset=utf-8", "a", "text/plain; charset=utf-8"],
    ["a table", texts, "BM,b\n1,2\n", "text/csv", "a.csv", "text/csv"],
    ["a table without a claim", texts, "a,b\n1,2\n", undefined, "a.csv", "text/csv; charset=utf-8"],
    ["JSON", texts, '{"a":1}', "application/json", "a.json", "application/json"],
    ["text that a group does not name", { types: ["text/*"] }, "hello", "text/plain", "a", "refused"],
    ["text that begins like HTML", texts, script, "text/plain", "a.txt", "refused"],
    ["a table that begins like HTML", texts, html, "text/csv", "a.csv", "refused"],
    ["JSON that begins like XML", texts, "<?xml version='1.0'?><a/>", "application/json", "a", "refused"],
    ["text that begins with a comment", texts, `<!-- -->${html}`, "text/markdown", "a.md", "refused"],
    ["text with bytes in it", texts, Buffer.from("a\0b"), "text/plain", "a.txt", "refused"],
    ["a document", { types: [docxType] }, docx, docxType, "a.docx", docxType],
    ["a document without a claim", { types: [docxType] }, docx, undefined, "a", docxType],
    ["a document as an archive", { types: ["application/zip"] }, docx, "application/zip", "a", "refused"],
    [
      "an archive of no document's order as one that is named",
      { types: [docxType] },
      plainZip,
      docxType,
      "a",
      docxType,
    ],
    [
      "an archive as a document that a group names",
      { types: ["application/*"] },
      plainZip,
      docxType,
      "a",
      "refused",
    ],
    ["an archive as a picture", images, plainZip, "image/png", "a.png", "refused"],
    ["a PDF", { types: ["application/pdf"] }, pdf, "application/pdf", "a.pdf", "application/pdf"],
    [
      "a PDF that is no PDF",
      { types: ["application/pdf"] },
      Buffer.alloc(9, 7),
      "application/pdf",
      "a",
      "refused",
    ],
    ...aliases.map((type): [string, PolicyOptions, string, string, string, string] => {
      return [
        `a script by another name of a type that is allowed, ${type}`,
        aliased,
        "alert(1)",
        type,
        "a",
        "refused",
      ];
    }),
    [
      "a word document of before",
      { types: ["application/msword"] },
      cfb,
      "application/msword",
      "a.doc",
      "application/msword",
    ],
    ["text as such a document", { types: [wordType] }, "hello", wordType, "a.doc", "refused"],
    ["bytes as such a sheet", { types: [excelType] }, anyBytes, excelType, "a", "refused"],
    ["text as a chart", { types: [chartType] }, "hello", chartType, "a.odc", "refused"],
    ["an archive as a chart that is named", { types: [chartType] }, plainZip, chartType, "a.odc", chartType],
    ["a type of Microsoft's that is no archive", { types: [stlType] }, anyBytes, stlType, "a", stlType],
    ["a type of its own", { types: [ownType] }, anyBytes, ownType, "a", ownType],
    ["text that is named as a document", { types: [docxType] }, "hello", undefined, "a.docx", "refused"],
    [
      "text that is named as an archive",
      { types: ["application/x-tar"] },
      "hello",
      undefined,
      "a.tar",
      "refused",
    ],
    [
      "a script that is named as a picture",
      { types: ["image/gif"] },
      gifScript,
      undefined,
      "a.gif",
      "refused",
    ],
    ["such text where text is allowed", texts, "hello", undefined, "a.docx", "text/plain; charset=utf-8"],
    ["nothing at all that is named as a document", { types: [unknown] }, "", undefined, "a.docx", unknown],
    [
      "text in UTF-16 without a claim",
      { types: [unknown] },
      Buffer.from("\uFEFFa", "utf16le"),
      undefined,
      "a",
      unknown,
    ],
  ])("%s", async (_what, policy, content, contentType, name, expected) => {
    expect(await decided(policy, content, contentType, name)).toBe(expected);
  });

  it("and corrects a claim only where it is told to, within what is allowed", async () => {
    const correcting = { ...images, mismatch: "correct" } as const;
    expect(await decided(correcting, png, "image/jpeg")).toBe("image/png");
    expect(await decided(correcting, png, "text/html")).toBe("image/png");
    expect(await decided(correcting, html, "image/png")).toBe("refused");
  });

  it("and compares a claim that nothing else is demanded of where it is told to", async () => {
    expect(await decided({ mismatch: "refuse" }, png, "text/html")).toBe("refused");
    expect(await decided({ mismatch: "refuse" }, "hello", "text/x-own")).toBe("text/x-own");
    expect(await decided({ mismatch: "correct" }, png, "text/html")).toBe("image/png");
    expect(await decided({ maxBytes: 5000 }, png, "text/html")).toBe("text/html");
  });

  it("the same of a stream that comes byte by byte", async () => {
    const storage = new Storage(new MemoryBackend(), { policy: images });
    async function* slowly(bytes: Uint8Array) {
      for (const byte of bytes) yield Uint8Array.of(byte);
    }
    expect((await storage.put("a", slowly(png))).contentType).toBe("image/png");
    await expect(storage.put("b", slowly(Buffer.from(html)))).rejects.toBeInstanceOf(UnsupportedTypeError);
    expect(await storage.listKeys()).toEqual(["a"]);
  });

  it("quickly of any bytes, and never fails of them", async () => {
    const heads = [
      "PK\x03\x04",
      "\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9",
      "OggS",
      "\x1aE\xdf\xa3",
      "II*\0",
      "ID3",
    ];
    const started = performance.now();
    for (const head of heads) {
      for (const filler of [0, 1, 0x7f, 0xff]) {
        const content = Buffer.alloc(16_384, filler);
        content.write(head, "latin1");
        expect(await decided({ types: ["*/*"] }, content, "image/png", "x")).not.toContain("Error");
      }
    }
    const bomb = zip("[Content_Types].xml", "a".repeat(50_000_000));
    expect(await decided(images, bomb, "image/png")).toBe("refused");
    expect(performance.now() - started).toBeLessThan(5000);
  });
});

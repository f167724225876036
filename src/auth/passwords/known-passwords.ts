/** Words that most guesses begin with; a password that is one of them with digits or signs around it is refused. */
const words = `password passwort passwd passw0rd p@ssw0rd p@ssword pa55word motdepasse contrasena senha wachtwoord
 qwerty qwertyuiop qwertz qwertzuiop azerty azertyuiop asdfgh asdfghjkl zxcvbn zxcvbnm qazwsx qazwsxedc 1qaz2wsx
 1qaz2wsx3edc 1q2w3e4r 1q2w3e4r5t 1q2w3e4r5t6y q1w2e3r4 q1w2e3r4t5 qweasd qweasdzxc qwer1234 asdf1234 abcdef abcdefg
 abcdefgh abcdefghij abcd1234 abc123 a1b2c3d4 a1b2c3d4e5 letmein letmeinnow welcome welcometo changeme changemenow
 administrator admin adminadmin root rootroot toor superuser test testtest testing default secret topsecret
 iloveyou iloveyoutoo lovely princess sunshine monkey dragon football baseball basketball superman batman spiderman
 starwars pokemon master shadow michael jennifer jordan hunter ranger harley thomas charlie andrew daniel jessica
 ashley bailey trustno1 whatever freedom computer internet samsung google facebook linkedin microsoft cheese pepper
 ginger summer winter spring autumn january february september october november december monday friday hello
 helloworld hellohello correcthorsebatterystaple`;

const known: ReadonlySet<string> = new Set(words.split(/\s+/));

/** Whether guessers try this early: a known word in any case, repeated, or with digits and signs around it; or a row of digits. */
export function isKnownPassword(password: string): boolean {
  const plain = password.toLowerCase();
  const core = plain.replace(/^[^a-z]+|[^a-z]+$/g, "");
  const hasWord = [plain, core, once(core), withoutSuffix(plain)].some((each) => known.has(each));
  return hasWord || isRepeated(plain) || isRow(plain);
}

/** `1q2w3e4r!` without its sign. */
function withoutSuffix(text: string): string {
  return text.replace(/[^a-z0-9]+$/, "");
}

/** What a repetition repeats: `admin` of `adminadminadmin`. */
function once(text: string): string {
  return /^(.{4,}?)\1+$/.exec(text)?.[1] ?? text;
}

function isRepeated(text: string): boolean {
  return /^(.{1,3}?)\1+$/.test(text);
}

function isRow(text: string): boolean {
  const rows = "01234567890123456789 98765432109876543210 abcdefghijklmnopqrstuvwxyz";
  return rows.includes(text) || /^(?:19|20)\d{6,}$/.test(text);
}

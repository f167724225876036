// Runs `before.ts` or `after.ts` as they are, which takes Node 22.18 or later.
const { documentsService } = await import(`./${process.argv[2] === "before" ? "before" : "after"}.ts`);
const app = await documentsService();
console.log(`listening on ${await app.listen({ port: 8000 })}`);

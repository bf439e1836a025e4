/** What the bot says to the one who asked, as one import for those who listen. */
export { explain, why } from '../views/explain.ts';
export { form, formRefused, readForm } from '../views/form.ts';
export { home, homeAway, homeRefused } from '../views/home.ts';
export { plan } from '../views/plan.ts';
export { notice, policy } from '../views/policy.ts';
export { raise, raiseBarred } from '../views/raise.ts';
export {
  cameToNothing,
  cancelled,
  help,
  mistake,
  notFound,
  refused,
  tooLate,
  trouble,
  unwritten,
} from '../views/replies.ts';
export { ownStatus, status } from '../views/status.ts';

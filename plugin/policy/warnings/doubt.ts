/** What a policy may say, and most probably does not mean. */
export interface Doubt {
  /** Where in the policy, e.g. `windows[0]`. */
  path: string;
  /** What comes of it and what to do. */
  message: string;
}

/** What somebody without a session sees: in all three languages, since we do not know theirs. */

import { LinkLost, signIn } from "./api";
import { h } from "./dom";
import { LOCALES, everywhere, type Word } from "./words";

const together = (word: Word): string => everywhere(word).map(([, text]) => text).join(" · ");

export function showSignIn(host: HTMLElement): void {
  const token = h("input", {
    id: "token", type: "password", required: true, autocomplete: "off", spellcheck: "false", placeholder: "pg_…",
    "aria-describedby": "signin-help",
  });
  const failure = h("p", { class: "failure", role: "alert" });
  if (location.hash.includes("sign-in=expired")) failure.textContent = together("signin_expired");
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    failure.textContent = "";
    try {
      await signIn(token.value.trim());
      location.reload();
    } catch (error) {
      failure.textContent = together(error instanceof LinkLost ? "no_link" : "signin_bad");
      token.select();
    }
  };
  const link = everywhere("signin_link");
  const paste = everywhere("signin_token");
  const lines = link.map(([code, text], index) =>
    h("p", { lang: LOCALES[code] }, `${text}${code === "zh" ? "" : " "}${paste[index]?.[1] ?? ""}`),
  );
  host.replaceChildren(
    h(
      "main", { id: "signin" },
      h(
        "form", { onsubmit: (event: Event) => void submit(event) },
        h("p", { class: "wordmark" }, "patrolgrid"),
        h("h1", {}, together("signin_title")),
        h("div", { id: "signin-help" }, ...lines),
        h("label", { for: "token", class: "hidden" }, together("signin_title")),
        h("div", { class: "row" }, token, h("button", { type: "submit", class: "primary", "aria-label": together("signin_go") }, "→")),
        failure,
      ),
    ),
  );
  document.title = "patrolgrid";
  token.focus();
}

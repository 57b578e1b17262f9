// Sentences and messages without secrets, in whatever way they quote them.

import Diagnostics
import Testing

@Suite("known secrets")
struct KnownSecretsTests {
  @Test(
    "are taken out of sentences in every form that quotes them",
    arguments: [
      ("hunter2", "bad value 'hunter2' of hunter2x", "bad value '(secret)' of (secret)x"),
      ("a<b&\"c", "in <x y=\"a&lt;b&amp;&quot;c\"/>", "in <x y=\"(secret)\"/>"),
      ("say \"hi\"", #"{"value": "say \"hi\""}"#, #"{"value": "(secret)"}"#),
      ("first line\nsecond line", "no second line here; and first line", "no (secret) here; and (secret)"),
      ("a,bcd", "string=a,,bcd", "string=(secret)"),
      ("päss✓", "it is päss✓!", "it is (secret)!"),
      ("abc", "abc is too short to be looked for", "abc is too short to be looked for"),
      ("hunter2", "nothing of the kind", "nothing of the kind"),
    ])
  func sentences(secret: String, sentence: String, expected: String) {
    #expect(KnownSecrets([secret]).redacted(sentence) == expected)
  }

  @Test("a short one is concealed where it is the whole value")
  func values() {
    let secrets = KnownSecrets(["abc", "hunter2"])
    #expect(secrets.concealed("abc") == "(secret)")
    #expect(secrets.concealed("abcd") == "abcd")
    #expect(secrets.concealed("my hunter2") == "my (secret)")
  }

  @Test("the longest of several wins")
  func longest() {
    #expect(KnownSecrets(["hunter2", "hunter2-env"]).redacted("x hunter2-env hunter2") == "x (secret) (secret)")
  }

  @Test("what nobody has marked is left in sentences where it looks like a word or a number")
  func suspects() {
    var secrets = KnownSecrets()
    secrets.insertSuspects(["pa", "4096", "/run/user/1000/pulse"])
    #expect(secrets.redacted("pa 4096 /run/user/1000/pulse") == "pa 4096 (secret)")
    #expect(secrets.concealed("4096") == "4096")
  }

  @Test("no part of a long one is left in a message that shows its ends only")
  func long() {
    let secret = (0..<400).map { "\($0)-" }.joined()
    let message = Diagnostic("rule", "the value \(secret)\(secret)\(secret) is too long", suggestion: "not \(secret)")
    let redacted = KnownSecrets([secret]).redacted(message)
    #expect(redacted.message == "the value (secret)")
    #expect(redacted.suggestion == "not (secret)")
  }
}

import Testing
import WireFormats

@Suite struct SecretTextTests {
  @Test(arguments: [
    ("pull https://bot:hunter2@registry.example/v2/ failed", "pull https://bot:[redacted]@registry.example/v2/ failed"),
    ("postgresql://app:p@ss:w@db/app", "postgresql://app:[redacted]@db/app"),
    ("Authorization: Bearer abcdef123456", "Authorization: Bearer [redacted]"),
    ("with basic dXNlcjpwYXNz it", "with basic [redacted] it"),
    ("DB_PASSWORD=hunter2 and more", "DB_PASSWORD=[redacted] and more"),
    ("dbPassword = 'two words', x=1", "dbPassword = '[redacted]', x=1"),
    (#"{"apiKey":"k","name":"n"}"#, #"{"apiKey":"[redacted]","name":"n"}"#),
    ("client-secret: abcd1234efgh", "client-secret: [redacted]"),
    ("?access_token=abc&x=1", "?access_token=[redacted]&x=1"),
    ("docker login --password hunter2 host", "docker login --password [redacted] host"),
    (
      "key:\n-----BEGIN RSA PRIVATE KEY-----\nMIIB\n-----END RSA PRIVATE KEY-----\nafter",
      "key:\n-----BEGIN RSA PRIVATE KEY-----[redacted]-----END RSA PRIVATE KEY-----\nafter"
    ),
    ("-----BEGIN PRIVATE KEY-----\nMIIB was cut", "-----BEGIN PRIVATE KEY-----[redacted]"),
    ("got eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl", "got [redacted]"),
    (#"password: "a \" b" end"#, #"password: "[redacted]" end"#),
  ])
  func secretsAreTakenOut(_ text: String, _ expected: String) { #expect(SecretText.redacted(text) == expected) }

  @Test(arguments: [
    "secret \"wrktalk-db\" not found", "secret: not found", "ImagePullFailed: media 1/2 ready",
    "https://host:8443/path",
    "a basic test", "the bearer of it", "2024-12-15T02:00:00Z token expired", "漢字 עברית 🚀", "", "password", "token=",
    "-----BEGIN",
  ])
  func proseIsLeftAsItIs(_ text: String) { #expect(SecretText.redacted(text) == text) }

  @Test func aLongTextTakesTimeByItsLength() {
    let text = String(repeating: "password-", count: 20_000)
    #expect(SecretText.redacted(text) == text)
  }
}

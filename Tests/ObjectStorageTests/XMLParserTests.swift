import Testing

@testable import ObjectStorage

@Suite struct XMLParserTests {
  @Test func elementsTextAndEntitiesAreRead() throws {
    let text = """
      <?xml version="1.0" encoding="UTF-8"?>
      <!-- a list -->
      <s3:List xmlns:s3='http://x/' a="&lt;>"><Key>a &amp; b&#x21;&#33;<![CDATA[<raw>]]></Key><Empty/><Key>ü</Key></s3:List>

      """
    let root = try #require(XMLParser.parse(Array(text.utf8)))
    #expect(root.name == "List")
    #expect(root.all("Key").map(\.text) == ["a & b!!<raw>", "ü"])
    #expect(root["Empty"]?.text == "")
    #expect(root["Missing"] == nil)
  }

  @Test(arguments: [
    "", " ", "text", "<a>", "<a></b>", "</a>", "<a", "<a b>", "<a b=c/>", "<a/><b/>", "<a>&unknown;</a>",
    "<a>&#xD800;</a>",
    "<a>&#99999999999;</a>", "<a>&lt</a>", "<a><!-- </a>", "<a/>text", "< a/>",
    "<!DOCTYPE a [<!ENTITY x \"xxxx\">]><a>&x;</a>", "<!DOCTYPE a SYSTEM \"file:///etc/passwd\"><a/>",
    String(repeating: "<a>", count: 1000) + String(repeating: "</a>", count: 1000),
  ])
  func brokenAndHostileDocumentsAreRefused(text: String) {
    #expect(XMLParser.parse(Array(text.utf8)) == nil)
  }

  @Test func everyCutOffDocumentIsRefused() {
    let text = Array("<a b='c'><d>e&amp;f</d><!-- g --><![CDATA[h]]></a>".utf8)
    for count in 0..<text.count { #expect(XMLParser.parse(Array(text[..<count])) == nil) }
    #expect(XMLParser.parse(text) != nil)
  }

  @Test func listThatWouldNeverEndIsRefused() {
    let more = "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>"
    #expect(S3Answer.listing(Array(more.utf8)) == nil)
    #expect(S3Answer.listing(Array("<Error><Code>X</Code></Error>".utf8)) == nil)
  }

  @Test func errorCodesAreTakenOnlyWhereTheyLookLikeOne() {
    #expect(S3Answer.errorCode(Array("<Error><Code>NoSuchKey</Code></Error>".utf8)) == "NoSuchKey")
    #expect(S3Answer.errorCode(Array("<Error><Code>x\u{1B}[31m</Code></Error>".utf8)) == nil)
    #expect(S3Answer.errorCode(Array("<html><Code>NoSuchKey</Code></html>".utf8)) == nil)
    #expect(S3Answer.errorCode([]) == nil)
  }
}

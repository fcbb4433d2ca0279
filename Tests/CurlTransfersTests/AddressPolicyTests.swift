import Addresses
import CurlTransfers
import Testing

struct AddressPolicyTests {
  struct Row: Sendable {
    var address: String
    var refusal: AddressPolicy.Refusal?
  }

  static let rows: [Row] = [
    Row(address: "8.8.8.8", refusal: nil),
    Row(address: "0.0.0.0", refusal: .unspecified),
    Row(address: "0.255.255.255", refusal: .unspecified),
    Row(address: "1.0.0.0", refusal: nil),
    Row(address: "9.255.255.255", refusal: nil),
    Row(address: "10.0.0.0", refusal: .private),
    Row(address: "10.255.255.255", refusal: .private),
    Row(address: "11.0.0.0", refusal: nil),
    Row(address: "100.63.255.255", refusal: nil),
    Row(address: "100.64.0.0", refusal: .shared),
    Row(address: "100.100.100.200", refusal: .metadata),
    Row(address: "100.127.255.255", refusal: .shared),
    Row(address: "100.128.0.0", refusal: nil),
    Row(address: "127.0.0.1", refusal: .loopback),
    Row(address: "127.255.255.254", refusal: .loopback),
    Row(address: "168.63.129.16", refusal: .metadata),
    Row(address: "168.63.129.17", refusal: nil),
    Row(address: "169.253.255.255", refusal: nil),
    Row(address: "169.254.0.1", refusal: .linkLocal),
    Row(address: "169.254.169.254", refusal: .metadata),
    Row(address: "169.254.170.2", refusal: .metadata),
    Row(address: "172.15.255.255", refusal: nil),
    Row(address: "172.16.0.0", refusal: .private),
    Row(address: "172.31.255.255", refusal: .private),
    Row(address: "172.32.0.0", refusal: nil),
    Row(address: "192.0.0.8", refusal: .reserved),
    Row(address: "192.0.0.192", refusal: .metadata),
    Row(address: "192.0.1.0", refusal: nil),
    Row(address: "192.0.2.1", refusal: .documentation),
    Row(address: "192.88.99.1", refusal: .reserved),
    Row(address: "192.168.0.1", refusal: .private),
    Row(address: "192.169.0.0", refusal: nil),
    Row(address: "198.17.255.255", refusal: nil),
    Row(address: "198.18.0.0", refusal: .benchmarking),
    Row(address: "198.19.255.255", refusal: .benchmarking),
    Row(address: "198.51.100.7", refusal: .documentation),
    Row(address: "203.0.113.7", refusal: .documentation),
    Row(address: "223.255.255.255", refusal: nil),
    Row(address: "224.0.0.1", refusal: .multicast),
    Row(address: "239.255.255.255", refusal: .multicast),
    Row(address: "240.0.0.1", refusal: .reserved),
    Row(address: "255.255.255.255", refusal: .reserved),

    Row(address: "2606:4700::1111", refusal: nil),
    Row(address: "::", refusal: .unspecified),
    Row(address: "::1", refusal: .loopback),
    Row(address: "::2", refusal: .unspecified),
    Row(address: "100::1", refusal: .reserved),
    Row(address: "1fff::1", refusal: .reserved),
    Row(address: "4000::1", refusal: .reserved),
    Row(address: "5f00::1", refusal: .reserved),
    Row(address: "fc00::1", refusal: .uniqueLocal),
    Row(address: "fdff::1", refusal: .uniqueLocal),
    Row(address: "fd00:ec2::254", refusal: .metadata),
    Row(address: "fd20:ce::254", refusal: .metadata),
    Row(address: "fe80::1", refusal: .linkLocal),
    Row(address: "febf::1", refusal: .linkLocal),
    Row(address: "fe80::a9fe:a9fe", refusal: .metadata),
    Row(address: "fec0::1", refusal: .private),
    Row(address: "ff02::1", refusal: .multicast),
    Row(address: "2001:2::1", refusal: .benchmarking),
    Row(address: "2001:10::1", refusal: .reserved),
    Row(address: "2001:20::1", refusal: .reserved),
    Row(address: "2001:200::1", refusal: nil),
    Row(address: "2001:db8::1", refusal: .documentation),
    Row(address: "3fff:fff::1", refusal: .documentation),
    Row(address: "3fff:1000::1", refusal: nil),

    // Mapped.
    Row(address: "::ffff:8.8.8.8", refusal: nil),
    Row(address: "::ffff:10.0.0.1", refusal: .private),
    Row(address: "::ffff:169.254.169.254", refusal: .metadata),
    // Compatible and translated.
    Row(address: "::10.0.0.1", refusal: .private),
    Row(address: "::8.8.8.8", refusal: .reserved),
    Row(address: "::ffff:0:127.0.0.1", refusal: .loopback),
    Row(address: "::ffff:0:8.8.8.8", refusal: .reserved),
    // NAT64, and the prefix for local translators.
    Row(address: "64:ff9b::8.8.8.8", refusal: nil),
    Row(address: "64:ff9b::10.0.0.1", refusal: .private),
    Row(address: "64:ff9b::169.254.169.254", refusal: .metadata),
    Row(address: "64:ff9b:1::8.8.8.8", refusal: .reserved),
    // 6to4.
    Row(address: "2002:808:808::1", refusal: nil),
    Row(address: "2002:a00:1::1", refusal: .private),
    Row(address: "2002:7f00:1::1", refusal: .loopback),
    Row(address: "2002:a9fe:a9fe::1", refusal: .metadata),
    // Teredo: the server, then the client with its bits inverted (8.8.8.8 and 127.0.0.1).
    Row(address: "2001:0:808:808::f7f7:f7f7", refusal: nil),
    Row(address: "2001:0:808:808::80ff:fffe", refusal: .loopback),
    Row(address: "2001:0:a00:1::f7f7:f7f7", refusal: .private),
  ]

  @Test(arguments: rows)
  func onlyThePublicInternetIsConnectedTo(_ row: Row) throws {
    let address = try #require(IPAddress(row.address))
    #expect(AddressPolicy.publicInternet().refusal(of: address) == row.refusal)
    #expect(AddressPolicy.unrestricted.refusal(of: address) == nil)
  }

  struct Exception: Sendable {
    var allowed: String
    var address: String
    var isAllowed: Bool
  }

  static let exceptions: [Exception] = [
    Exception(allowed: "10.1.0.0/16", address: "10.1.255.255", isAllowed: true),
    Exception(allowed: "10.1.0.0/16", address: "10.2.0.0", isAllowed: false),
    Exception(allowed: "10.1.0.0/16", address: "::ffff:10.1.2.3", isAllowed: true),
    Exception(allowed: "10.1.0.0/16", address: "64:ff9b::10.1.2.3", isAllowed: true),
    // Another machine than the one that is allowed.
    Exception(allowed: "10.1.0.0/16", address: "2002:a01:203::1", isAllowed: false),
    Exception(allowed: "::ffff:10.1.0.0/112", address: "10.1.2.3", isAllowed: true),
    Exception(allowed: "fd00:1::/32", address: "fd00:1:2::3", isAllowed: true),
    Exception(allowed: "fd00:1::/32", address: "fd00:2::3", isAllowed: false),
    Exception(allowed: "0.0.0.0/0", address: "127.0.0.1", isAllowed: true),
    Exception(allowed: "0.0.0.0/0", address: "::1", isAllowed: false),
    Exception(allowed: "::/0", address: "::1", isAllowed: true),
    Exception(allowed: "::/0", address: "::ffff:127.0.0.1", isAllowed: false),
    // Within a range that is allowed for other reasons lies what hands out credentials.
    Exception(allowed: "100.64.0.0/10", address: "100.64.0.1", isAllowed: true),
    Exception(allowed: "100.64.0.0/10", address: "100.100.100.200", isAllowed: false),
    Exception(allowed: "169.254.0.0/16", address: "169.254.169.254", isAllowed: false),
    Exception(allowed: "169.254.169.254/32", address: "169.254.169.254", isAllowed: true),
    Exception(allowed: "169.254.169.254", address: "::ffff:169.254.169.254", isAllowed: true),
    Exception(allowed: "fc00::/7", address: "fd00:ec2::254", isAllowed: false),
    Exception(allowed: "fd00:ec2::254/128", address: "fd00:ec2::254", isAllowed: true),
  ]

  @Test(arguments: exceptions)
  func aRangeMayBeAllowed(_ row: Exception) throws {
    let policy = AddressPolicy.publicInternet(allowing: [try #require(AddressRange(row.allowed))])
    #expect((policy.refusal(of: try #require(IPAddress(row.address))) == nil) == row.isAllowed)
  }
}

struct AddressRangeTests {
  @Test(arguments: [
    ("10.0.0.0/8", "10.0.0.0/8"), ("10.0.0.1", "10.0.0.1/32"), ("0.0.0.0/0", "0.0.0.0/0"), ("fd00::/8", "fd00::/8"),
    ("2001:DB8::1", "2001:db8::1/128"), ("::ffff:10.0.0.0/104", "10.0.0.0/8"), ("::/0", "::/0"),
  ])
  func aRangeIsReadAsCIDR(_ text: String, _ description: String) {
    #expect(AddressRange(text)?.description == description)
  }

  @Test(arguments: [
    "", "/", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/8/8", "10.0.0.1/8", "10.0.0/8",
    "fd00::/129",
    "fd00::1/8", "localhost", "10.0.0.0 /8", "::ffff:10.0.0.1/104", "fe80::1%eth0", "0x7f000001", "10.0.0.0/8\0",
  ])
  func whatIsNoRangeIsRefused(_ text: String) { #expect(AddressRange(text) == nil) }
}

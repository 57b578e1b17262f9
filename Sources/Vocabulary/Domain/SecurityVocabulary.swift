// What protects a domain from the host, and the host from a domain: labels, keys, encrypted memory.

import XMLTree

extension Vocabulary {
  static let domainSecurity: [Field] = [
    Field(
      "seclabels", "Security labels of the guest's process, one for each security model of the host.", list: "",
      "seclabel",
      .record([
        Part(
          "type", .enumeration(["dynamic", "static", "none"]), "Whether libvirt picks the label, the spec, or no one.",
          at: "@type"),
        Part(
          "model", .text(.word("the name of a security model")), "The model, such as `selinux`, `apparmor`, `dac`.",
          at: "@model"),
        Part("relabel", .boolean, "Whether files of the guest are labelled to match.", at: "@relabel", .yesNo),
        Part("label", .text(.line), "The label of a `static` type.", at: "label"),
        Part("baselabel", .text(.line), "What a `dynamic` label is derived from.", at: "baselabel"),
      ]), isComparableWhenRunning: false, reference: "formatdomain.html#security-label"),
    Field(
      "launch-security.type", .enumeration(["sev", "sev-snp", "tdx", "s390-pv"]),
      "How the guest's memory is kept from the host: AMD SEV or SEV-SNP, Intel TDX, or IBM Z's protected execution.",
      lens: launchTypeLens, reference: launchReference
    ).values("sev-snp", since: 10, 5).values("tdx", since: 11, 6),
    Field(
      "launch-security.policy", .text(.hexadecimal("a policy such as 0x0001", digits: 4, most: 16)),
      "What the host may do with the guest, bit by bit, as AMD or Intel define it.", at: "launchSecurity/policy",
      reference: launchReference
    ).only(with: "launch-security.type", ["sev", "sev-snp", "tdx"]).required(
      with: "launch-security.type", "sev", "sev-snp"),
    Field(
      "launch-security.cbitpos", .integer(0...63), "The address bit that marks a page as encrypted; the host's.",
      at: "launchSecurity/cbitpos", reference: launchReference
    ).only(with: "launch-security.type", ["sev", "sev-snp"]),
    Field(
      "launch-security.reduced-phys-bits", .integer(0...63), "By how many bits physical addresses become shorter.",
      at: "launchSecurity/reducedPhysBits", reference: launchReference
    ).only(with: "launch-security.type", ["sev", "sev-snp"]),
    launchFlag("kernel-hashes", "kernelHashes", "Whether the hashes of a directly booted kernel are measured.").only(
      with: "launch-security.type", ["sev", "sev-snp"]),
    launchText("dh-cert", "dhCert", "The guest owner's key, in base64.").only(with: "launch-security.type", ["sev"]),
    launchText("session", "session", "The guest owner's session, in base64.").only(
      with: "launch-security.type", ["sev"]),
    launchText("host-data", "hostData", "SEV-SNP: what the host tells the guest, in base64.").since(10, 5).only(
      with: "launch-security.type", ["sev-snp"]),
    launchText("id-block", "idBlock", "SEV-SNP: the guest owner's description of the guest, in base64.").since(10, 5)
      .only(with: "launch-security.type", ["sev-snp"]),
    launchText("id-auth", "idAuth", "SEV-SNP: the signature of it, in base64.").since(10, 5).only(
      with: "launch-security.type", ["sev-snp"]),
    launchText(
      "guest-visible-workarounds", "guestVisibleWorkarounds", "SEV-SNP: workarounds that the guest knows, in base64."
    ).since(10, 5).only(with: "launch-security.type", ["sev-snp"]),
    launchFlag("author-key", "authorKey", "SEV-SNP: whether the signature holds the author's key.").since(10, 5).only(
      with: "launch-security.type", ["sev-snp"]),
    launchFlag("vcek", "vcek", "SEV-SNP: whether the chip's own key signs reports.").since(10, 5).only(
      with: "launch-security.type", ["sev-snp"]),
    launchText("mr-config-id", "mrConfigId", "TDX: the identifier of the guest's configuration, in base64.").since(
      11, 6
    ).only(with: "launch-security.type", ["tdx"]),
    launchText("mr-owner", "mrOwner", "TDX: the identifier of the guest's owner, in base64.").since(11, 6).only(
      with: "launch-security.type", ["tdx"]),
    launchText("mr-owner-config", "mrOwnerConfig", "TDX: the identifier of the owner's configuration, in base64.")
      .since(11, 6).only(with: "launch-security.type", ["tdx"]),
    Field(
      "launch-security.quote-service", .path, "TDX: the socket of the service that signs the guest's reports.",
      at: "launchSecurity/quoteGenerationService/@path", reference: launchReference
    ).since(11, 6).only(with: "launch-security.type", ["tdx"]),
    Field(
      "keywrap",
      "Ciphers of IBM Z by which keys are wrapped for the guest, each on or off.", table: "keywrap", "cipher",
      key: "@name", .oneOf(["aes", "dea"], "the name of a cipher"), .at("@state", .boolean, .onOff),
      reference: "formatdomain.html#key-wrap"),
  ]

  static let securityGroups = [
    FieldGroup("launch-security", "How the guest's memory is kept from the host.", shorthand: "type")
  ]

  private static let launchReference = "formatdomain.html#launch-security"

  private static func launchText(_ name: String, _ element: String, _ summary: String) -> Field {
    Field(
      "launch-security.\(name)", .text(.line), summary, at: "launchSecurity/\(element)", reference: launchReference)
  }

  private static func launchFlag(_ name: String, _ attribute: String, _ summary: String) -> Field {
    Field(
      "launch-security.\(name)", .boolean, summary, at: "launchSecurity/@\(attribute)", .yesNo,
      reference: launchReference)
  }

  /// `launchSecurity/@type`. Another type has other parts.
  private static let launchTypeLens: Lens = {
    let type = Lens.at("launchSecurity/@type", .enumeration(["sev", "sev-snp", "tdx", "s390-pv"]))
    return Lens(places: type.places, read: type.get) { domain, value in
      if type.get(domain) != nil { domain.removeAll("launchSecurity") }
      type.put(value, into: &domain)
    }
  }()
}

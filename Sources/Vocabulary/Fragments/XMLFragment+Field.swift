// The field `xml`, which every object that lives in libvirt's XML has.

extension Field {
  /// The name of the field in every object that has it.
  public static let xmlName = "xml"

  /// The field that takes libvirt's own XML of an object; the last of its table, so that it has the last word.
  ///
  /// It has no lens: what it says is merged, and compared as far as it goes. See ``XMLFragment``.
  static func xml(of element: String, reference: String) -> Field {
    Field(
      xmlName, .xml(element: element),
      """
      libvirt's own XML for whatever has no field of its own: elements that stand within `<\(element)>`, or that element \
      itself. They are merged into what is there: attributes and texts are set, elements find their counterparts by what \
      tells them apart, and what is not named stays.
      """, reference: reference)
  }
}

extension FieldKey<XMLFragment> {
  /// libvirt's own XML of an object.
  public static var xml: Self { Self("xml") }
}

//! The machine that an OVA describes: two processors, 1 GiB, one disk, one network card, UEFI.
//!
//! Promise: pure. The hardware is what the image's kernel has drivers for: pvscsi and vmxnet3.

/// What differs from one image to the next.
pub struct Machine<'a> {
    pub version: &'a str,
    /// What the disk holds.
    pub disk_bytes: u64,
    /// What its file takes.
    pub file_bytes: u64,
}

/// The OVF 1.1 envelope.
pub fn description(machine: &Machine<'_>) -> String {
    let Machine { version, disk_bytes, file_bytes } = machine;
    let items = [
        (1, 3, "2 virtual CPUs", "<rasd:VirtualQuantity>2</rasd:VirtualQuantity>"),
        (
            2,
            4,
            "1024 MB of memory",
            "<rasd:AllocationUnits>byte * 2^20</rasd:AllocationUnits><rasd:VirtualQuantity>1024</rasd:VirtualQuantity>",
        ),
        (
            3,
            6,
            "SCSI controller",
            "<rasd:Address>0</rasd:Address><rasd:ResourceSubType>VirtualSCSI</rasd:ResourceSubType>",
        ),
        (
            4,
            17,
            "Disk",
            "<rasd:AddressOnParent>0</rasd:AddressOnParent><rasd:HostResource>ovf:/disk/disk1</rasd:HostResource><rasd:Parent>3</rasd:Parent>",
        ),
        (
            5,
            10,
            "Network",
            "<rasd:AutomaticAllocation>true</rasd:AutomaticAllocation><rasd:Connection>network</rasd:Connection><rasd:ResourceSubType>VmxNet3</rasd:ResourceSubType>",
        ),
    ];
    let items: String = items.map(|(id, kind, name, more)| item(id, kind, name, more)).concat();
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1" xmlns:rasd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData" xmlns:vssd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_VirtualSystemSettingData" xmlns:vmw="http://www.vmware.com/schema/ovf">
  <References><File ovf:id="file1" ovf:href="conductor.vmdk" ovf:size="{file_bytes}"/></References>
  <DiskSection>
    <Info>The disk; make it larger for a longer outage, the data grows with it</Info>
    <Disk ovf:diskId="disk1" ovf:fileRef="file1" ovf:capacity="{disk_bytes}" ovf:format="http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized"/>
  </DiskSection>
  <NetworkSection><Info>Networks</Info><Network ovf:name="network"><Description>Towards the vendor and the SOC</Description></Network></NetworkSection>
  <VirtualSystem ovf:id="conductor">
    <Info>Conductor appliance</Info>
    <Name>conductor</Name>
    <ProductSection><Info>Product</Info><Product>Conductor</Product><Version>{version}</Version></ProductSection>
    <OperatingSystemSection ovf:id="96" vmw:osType="debian12_64Guest"><Info>Debian 12</Info></OperatingSystemSection>
    <VirtualHardwareSection>
      <Info>Hardware</Info>
      <System><vssd:ElementName>Hardware</vssd:ElementName><vssd:InstanceID>0</vssd:InstanceID><vssd:VirtualSystemType>vmx-14</vssd:VirtualSystemType></System>
{items}      <vmw:Config ovf:required="false" vmw:key="firmware" vmw:value="efi"/>
    </VirtualHardwareSection>
  </VirtualSystem>
</Envelope>
"#
    )
}

fn item(id: u32, kind: u32, name: &str, more: &str) -> String {
    format!(
        "      <Item><rasd:ElementName>{name}</rasd:ElementName><rasd:InstanceID>{id}</rasd:InstanceID><rasd:ResourceType>{kind}</rasd:ResourceType>{more}</Item>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_description_tells_both_sizes_and_opens_and_closes_each_element() {
        let text = description(&Machine { version: "1.2.3", disk_bytes: 1_140_850_688, file_bytes: 98_765 });
        assert!(text.contains("ovf:capacity=\"1140850688\""));
        assert!(text.contains("ovf:size=\"98765\""));
        assert!(text.contains("<Version>1.2.3</Version>"));
        let mut open = Vec::new();
        for tag in text.split('<').skip(1).filter_map(|rest| rest.split('>').next()) {
            if let Some(name) = tag.strip_prefix('/') {
                assert_eq!(open.pop(), Some(name));
            } else if !tag.ends_with('/') && !tag.starts_with('?') {
                open.push(tag.split_whitespace().next().unwrap_or(tag));
            }
        }
        assert!(open.is_empty(), "{open:?}");
    }
}

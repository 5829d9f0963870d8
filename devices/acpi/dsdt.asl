// The DSDT: what a guest cannot find out without being told. Processors are in the MADT, fixed
// hardware in the FADT. Numbers here agree with the headers of the devices; a test compares them.
DefinitionBlock ("", "DSDT", 2, "HVKIT ", "HVKITVM ", 0x00000001)
{
    // SLP_TYPa, SLP_TYPb of power-off (kAcpiS5SleepType)
    Name (\_S5, Package () { 0x05, 0x05, 0x00, 0x00 })

    Scope (\_SB)
    {
        Device (COM1)
        {
            Name (_HID, EisaId ("PNP0501"))  // 16550A-compatible UART
            Name (_UID, 0x01)
            Name (_CRS, ResourceTemplate ()
            {
                IO (Decode16, 0x03F8, 0x03F8, 0x01, 0x08)
                IRQNoFlags () { 4 }
            })
        }

        Device (RTC0)
        {
            Name (_HID, EisaId ("PNP0B00"))  // AT real-time clock; without interrupts
            Name (_CRS, ResourceTemplate ()
            {
                IO (Decode16, 0x0070, 0x0070, 0x01, 0x02)
            })
        }

        Device (KBD0)
        {
            Name (_HID, EisaId ("PNP0303"))  // PS/2 keyboard controller
            Name (_CRS, ResourceTemplate ()
            {
                IO (Decode16, 0x0060, 0x0060, 0x01, 0x01)
                IO (Decode16, 0x0064, 0x0064, 0x01, 0x01)
                IRQNoFlags () { 1 }
            })
        }
    }
}

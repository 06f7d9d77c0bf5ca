package doctor

// What Windows' own commands print, in the words of the system's language.
const (
	netshGerman = "\r\nPortausschlussbereiche für das Protokoll \"tcp\"\r\n\r\nStartport     Endport\r\n----------    --------\r\n      5357        5357\r\n     50000       50059     *\r\n\r\n* - Verwaltete Portausschlüsse\r\n\r\n"

	netshTaken = "\r\nProtocol tcp Port Exclusion Ranges\r\n\r\nStart Port    End Port\r\n----------    --------\r\n      8434        8533\r\n     50000       50059     *\r\n\r\n* - Administered port exclusions.\r\n\r\n"

	powercfgOff = "Power Scheme GUID: 381b4222-f694-41f0-9685-ff5bb260df2e  (Balanced)\r\n  Subgroup GUID: 238c9fa8-0aad-41ed-83f4-97be242c8f20  (Sleep)\r\n    Power Setting GUID: 29f6c1db-86da-48c5-9fdb-f2b67b1f44da  (Sleep after)\r\n      Minimum Possible Setting: 0x00000000\r\n      Maximum Possible Setting: 0xffffffff\r\n      Possible Settings increment: 0x00000001\r\n      Possible Settings units: Seconds\r\n    Current AC Power Setting Index: 0x00000000\r\n    Current DC Power Setting Index: 0x00000384\r\n"

	powercfgUSBGerman = "GUID des Energieschemas: 381b4222-f694-41f0-9685-ff5bb260df2e  (Ausbalanciert)\r\n  GUID der Untergruppe: 2a737441-1930-4402-8d77-b2bebba308a3  (USB-Einstellungen)\r\n    GUID der Energieeinstellung: 48e6b7a6-50f5-4782-a5d4-53bb8f07e226  (Einstellung für selektives USB-Energiesparen)\r\n      Index der möglichen Einstellung: 000\r\n      Index der möglichen Einstellung: 001\r\n    Index der aktuellen Wechselstromeinstellung: 0x00000001\r\n    Index der aktuellen Gleichstromeinstellung: 0x00000000\r\n"

	powercfgSleep30 = "    Current AC Power Setting Index: 0x00000708\r\n    Current DC Power Setting Index: 0x00000384\r\n"

	scRunning = "\r\nSERVICE_NAME: tillbridge \r\n        TYPE               : 10  WIN32_OWN_PROCESS  \r\n        STATE              : 4  RUNNING \r\n                                (STOPPABLE, NOT_PAUSABLE, ACCEPTS_SHUTDOWN)\r\n        WIN32_EXIT_CODE    : 0  (0x0)\r\n        SERVICE_EXIT_CODE  : 0  (0x0)\r\n        CHECKPOINT         : 0x0\r\n        WAIT_HINT          : 0x0\r\n"

	scStoppedGerman = "\r\nSERVICE_NAME: tillbridge \r\n        TYP                : 10  WIN32_OWN_PROCESS  \r\n        STATUS             : 1  STOPPED \r\n        WIN32_EXIT_CODE    : 1077  (0x435)\r\n        SERVICE_EXIT_CODE  : 0  (0x0)\r\n"

	scMissing = "[SC] EnumQueryServicesStatus:OpenService FAILED 1060:\r\n\r\nThe specified service does not exist as an installed service.\r\n\r\n"

	scConfig = "[SC] QueryServiceConfig SUCCESS\r\n\r\nSERVICE_NAME: tillbridge\r\n        TYPE               : 10  WIN32_OWN_PROCESS \r\n        START_TYPE         : 2   AUTO_START  (DELAYED)\r\n        ERROR_CONTROL      : 1   NORMAL\r\n        BINARY_PATH_NAME   : C:\\Program Files\\Tillbridge\\tillbridge.exe run\r\n"

	netstatGerman = "\r\nAktive Verbindungen\r\n\r\n  Proto  Lokale Adresse         Remoteadresse          Status           PID\r\n  TCP    0.0.0.0:135            0.0.0.0:0              ABHÖREN          1016\r\n  TCP    127.0.0.1:8473         0.0.0.0:0              ABHÖREN          4242\r\n  TCP    127.0.0.1:8473         127.0.0.1:50122        HERGESTELLT      4242\r\n  TCP    [::]:8474              [::]:0                 ABHÖREN          77\r\n"

	procTCP  = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   0: 0100007F:2119 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 2003805 2 0000000046275b3f 100 0 0 10 0\n   1: 0100007F:2119 0100007F:C3CA 01 00000000:00000000 00:00000000 00000000     0        0 77 2 0 100 0 0 10 0\n"
	procTCP6 = "  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   0: 00000000000000000000000001000000:211A 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0 100 0 0 10 0\n"
)

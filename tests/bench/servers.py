# SPDX-License-Identifier: MIT
"""
Servers of storages on 127.0.0.1, and how each side is told of them.

Those that tests/support knows are started by it; sshd and vsftpd are here, as
the tests have them. Each tells the settings of our driver and the environment
of rclone, whose remote is always called `bench`, for the host by which it is
reached: its own, or that of the slow line before it.
"""
import os
import pathlib
import pwd
import shutil
import socket
import subprocess
import sys
import time

from measured import Failed

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / 'support'))
import azure_server  # noqa: E402
import gcs_server  # noqa: E402
import ports  # noqa: E402
import s3_radosgw  # noqa: E402
import s3_server  # noqa: E402

HOST = '127.0.0.1'
START_SECONDS = 60
DATA_PORTS = 200  # Of FTP's data connections.
STORE_BYTES = 1 << 35  # Of Ceph in memory: what may be there, not what is taken.
AT_ONCE_GONE = """\
rgw gc obj min wait = 1
rgw gc processor period = 1
rgw gc processor max time = 1
"""
FTP_PASSWORD = 'a secret of the bench'


def runner():
    """Who runs sshd and vsftpd: nobody who has rights."""
    return pwd.getpwnam('games') if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())


def start_as_runner(command, log):
    words = {'user': runner().pw_uid, 'group': runner().pw_gid,
             'extra_groups': []} if os.geteuid() == 0 else {}
    with open(log, 'wb') as out:
        return subprocess.Popen(command, stdout=out, stderr=out, stdin=subprocess.DEVNULL, **words)


def rclone_of(**settings):
    return {'RCLONE_CONFIG_BENCH_' + name.upper(): str(value) for name, value in settings.items()}


class Server:
    """One of them, in a folder of its own. Some only raise here."""

    name = ''
    driver = ''
    root = ''   # Where the bench keeps its objects, for rclone.
    tuned = ()  # What rclone is told besides, to be as fast as it can.

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.process = None
        self.port = 0

    def start(self):
        raise NotImplementedError

    def settings(self, host):
        """Of our driver."""
        raise NotImplementedError

    def rclone(self, host):
        """Its environment."""
        raise NotImplementedError

    def ports(self):
        """All on which a client may connect."""
        return [self.port]

    def wait(self):
        end = time.monotonic() + START_SECONDS
        while True:
            try:
                socket.create_connection((HOST, self.port)).close()
                return
            except OSError as error:
                if self.process.poll() is not None or time.monotonic() > end:
                    raise Failed(self.name + ' does not start') from error
                time.sleep(0.02)

    def give_away(self):
        if os.geteuid() == 0:
            for path in [self.folder, *self.folder.rglob('*')]:
                os.chown(path, runner().pw_uid, runner().pw_gid)

    def stop(self):
        if self.process:
            self.process.kill()
            self.process.wait()


class S3(Server):
    """Ceph's gateway: versitygw refuses what rclone says of access to each object."""

    name = driver = 's3'
    root = s3_server.BUCKET
    tuned = ('--s3-upload-concurrency', '8', '--s3-chunk-size', '16Mi', '--s3-no-check-bucket',
             '--s3-no-head')

    def __init__(self, folder):
        super().__init__(folder)
        self.cluster = None

    def start(self):
        if not s3_radosgw.is_there():
            raise Failed('radosgw is not there')
        s3_radosgw.STORE_BYTES = STORE_BYTES
        self.cluster = s3_radosgw.Server(self.folder)
        with open(self.cluster.config, 'a', encoding='utf-8') as file:
            file.write(AT_ONCE_GONE)
        self.port = int(self.cluster.address.rsplit(':', 1)[1])
        self.cluster.start(s3_server.ACCESS_KEY, s3_server.SECRET_KEY)
        s3_server.make_bucket(self.cluster, s3_server.BUCKET)

    def stop(self):
        if self.cluster:
            self.cluster.stop()

    def settings(self, host):
        return {'endpoint': 'http://%s:%d' % (host, self.port), 'bucket': s3_server.BUCKET,
                'access_key_id': s3_server.ACCESS_KEY, 'region': s3_server.REGION,
                'secret_access_key': s3_server.SECRET_KEY}

    def rclone(self, host):
        """With a file of certificates rclone's S3 does not start at all."""
        return {'AWS_CA_BUNDLE': ''} | rclone_of(
            type='s3', provider='Other', region=s3_server.REGION,
            endpoint='http://%s:%d' % (host, self.port), access_key_id=s3_server.ACCESS_KEY,
            secret_access_key=s3_server.SECRET_KEY)

    def restic(self, prefix):
        return {'RESTIC_REPOSITORY': 's3:http://%s:%d/%s/%s' % (HOST, self.port, s3_server.BUCKET,
                                                                 prefix),
                'AWS_ACCESS_KEY_ID': s3_server.ACCESS_KEY,
                'AWS_SECRET_ACCESS_KEY': s3_server.SECRET_KEY,
                'AWS_DEFAULT_REGION': s3_server.REGION}


class Azure(Server):
    name = 'azure'
    driver = 'azure_blob'
    root = azure_server.CONTAINER
    tuned = ('--azureblob-chunk-size', '8Mi')

    def start(self):
        if not azure_server.Azurite.is_there():
            raise Failed('Azurite is not there')
        server = azure_server.Azurite(self.folder)
        self.port = server.port
        server.start()
        self.process = server.process
        azure_server.make_container(server, self.address(HOST))

    def address(self, host):
        return 'http://%s:%d/%s' % (host, self.port, azure_server.ACCOUNT)

    def settings(self, host):
        return {'endpoint': self.address(host), 'account': azure_server.ACCOUNT,
                'account_key': azure_server.KEY, 'container': azure_server.CONTAINER,
                'checksums': azure_server.Azurite.checksums}

    def rclone(self, host):
        url = '%s/%s?%s' % (self.address(host), azure_server.CONTAINER,
                            azure_server.shared_access('racwdl', 24))
        return rclone_of(type='azureblob', sas_url=url)


class Gcs(Server):
    name = 'gcs'
    driver = 'google_cloud'
    root = gcs_server.BUCKET
    tuned = ('--gcs-no-check-bucket',)

    def start(self):
        if not gcs_server.program():
            raise Failed('fake-gcs-server is not there')
        self.port = ports.free_port()
        address = 'http://%s:%d' % (HOST, self.port)
        with open(self.folder / 'log', 'wb') as log:
            self.process = subprocess.Popen(
                [gcs_server.program(), '-scheme', 'http', '-host', HOST, '-port', str(self.port),
                 '-backend', 'memory', '-log-level', 'error', '-external-url', address],
                stdout=log, stderr=log, cwd=self.folder)
        gcs_server.make_bucket(address, self.process)

    def settings(self, host):
        return {'endpoint': 'http://%s:%d' % (host, self.port), 'bucket': gcs_server.BUCKET,
                'credentials': 'none'}

    def rclone(self, host):
        return rclone_of(type='google cloud storage', anonymous='true',
                         endpoint='http://%s:%d/storage/v1/' % (host, self.port))


class Sftp(Server):
    name = driver = 'sftp'
    tuned = ('--sftp-disable-hashcheck', '--sftp-concurrency', '64')

    @staticmethod
    def program():
        return os.environ.get('SSHD') or shutil.which('sshd', path='/usr/sbin')

    def start(self):
        if not self.program():
            raise Failed('sshd is not there')
        self.port = ports.free_port()
        for name in ('host', 'user'):
            subprocess.run(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f',
                            self.folder / name], check=True)
        key = ' '.join((self.folder / 'host.pub').read_text().split()[:2])
        (self.folder / 'known_hosts').write_text(''.join(
            '[127.0.0.%d]:%d %s\n' % (last, self.port, key) for last in (1, 2)))
        (self.folder / 'config').write_text(
            'Port {port}\nListenAddress {host}\nHostKey {folder}/host\nPidFile none\n'
            'AuthorizedKeysFile {folder}/user.pub\nStrictModes no\nUsePAM no\n'
            'PasswordAuthentication no\nKbdInteractiveAuthentication no\nMaxStartups 100\n'
            'Subsystem sftp internal-sftp\nPrintMotd no\nUseDNS no\n'.format(
                port=self.port, host=HOST, folder=self.folder))
        (self.folder / 'data').mkdir()
        self.give_away()
        os.chmod(self.folder / 'user', 0o600)
        self.root = str(self.folder / 'data')
        self.process = start_as_runner([self.program(), '-D', '-f', self.folder / 'config', '-e'],
                                       self.folder / 'log')
        self.wait()

    def settings(self, host):
        return {'host': host, 'port': self.port, 'user': runner().pw_name, 'path': self.root,
                'key_file': self.folder / 'user', 'known_hosts': self.folder / 'known_hosts',
                'connections': 16}

    def rclone(self, host):
        return rclone_of(type='sftp', host=host, port=self.port, user=runner().pw_name,
                         key_file=self.folder / 'user',
                         known_hosts_file=self.folder / 'known_hosts')


class Ftp(Server):
    name = driver = 'ftp'

    def __init__(self, folder):
        super().__init__(folder)
        self.first = 0

    @staticmethod
    def program():
        return os.environ.get('VSFTPD') or shutil.which('vsftpd', path='/usr/sbin')

    def start(self):
        if not self.program():
            raise Failed('vsftpd is not there')
        self.port = ports.free_port()
        self.first = self.free_row()
        for name in ('data', 'empty'):
            (self.folder / name).mkdir()
        (self.folder / 'passwords').write_text(FTP_PASSWORD + '\n')
        (self.folder / 'config').write_text(
            'listen=YES\nlisten_address={host}\nlisten_port={port}\nbackground=NO\n'
            'run_as_launching_user=YES\nftp_username=nobody\nanonymous_enable=YES\n'
            'local_enable=NO\nno_anon_password=NO\nsecure_email_list_enable=YES\n'
            'email_password_file={folder}/passwords\nwrite_enable=YES\nanon_upload_enable=YES\n'
            'anon_mkdir_write_enable=YES\nanon_other_write_enable=YES\n'
            'anon_world_readable_only=NO\nanon_umask=077\nanon_root={folder}/data\n'
            'secure_chroot_dir={folder}/empty\nseccomp_sandbox=NO\nport_enable=NO\n'
            'pasv_address={host}\npasv_min_port={first}\npasv_max_port={last}\n'
            'max_clients=0\nmax_per_ip=0\n'.format(
                host=HOST, port=self.port, folder=self.folder, first=self.first,
                last=self.first + DATA_PORTS - 1))
        self.give_away()
        self.root = str(self.folder / 'data')
        self.process = start_as_runner([self.program(), self.folder / 'config'],
                                       self.folder / 'log')
        self.wait()

    @staticmethod
    def free_row():
        """Ports side by side, for data; the server passes over one that somebody takes."""
        return min(ports.free_port(), 30000)

    def ports(self):
        return [self.port, *range(self.first, self.first + DATA_PORTS)]

    def settings(self, host):
        return {'host': host, 'port': self.port, 'user': 'ftp', 'password': FTP_PASSWORD,
                'path': self.root, 'tls': 'none', 'connections': 16}

    def rclone(self, host):
        secret = subprocess.run(['rclone', 'obscure', FTP_PASSWORD], check=True,
                                capture_output=True, text=True).stdout.strip()
        return rclone_of(type='ftp', host=host, port=self.port, user='ftp', **{'pass': secret})


SERVERS = {kind.name: kind for kind in (S3, Azure, Gcs, Sftp, Ftp)}

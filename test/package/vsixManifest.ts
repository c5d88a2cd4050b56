import path from 'node:path';

/** The part of package.json that a VSIX manifest repeats. */
export interface ExtensionPackage {
  readonly name: string;
  readonly version: string;
  readonly publisher: string;
  readonly displayName: string;
  readonly description: string;
  readonly icon: string;
  readonly categories: readonly string[];
  readonly keywords: readonly string[];
  readonly engines: { readonly vscode: string };
  readonly extensionKind: readonly string[];
}

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css',
  '.js': 'application/javascript',
  '.json': 'application/json',
  '.md': 'text/markdown',
  '.node': 'application/octet-stream',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.vsixmanifest': 'text/xml',
};

/** `[Content_Types].xml` of the package: a type for every kind of file in it. */
export function contentTypes(names: readonly string[]): string {
  const extensions = new Set([...names.map((name) => path.extname(name)), '.vsixmanifest']);
  const defaults = [...extensions]
    .filter((extension) => extension !== '')
    .sort()
    .map((extension) => {
      const type = CONTENT_TYPES[extension];
      if (type === undefined) throw new Error(`A file with ${extension} has no content type: add it, or leave it out.`);
      return `  <Default Extension="${extension}" ContentType="${type}"/>`;
    });
  return `<?xml version="1.0" encoding="utf-8"?>
<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">
${defaults.join('\n')}
  <Override PartName="/extension/LICENSE" ContentType="text/plain"/>
</Types>
`;
}

/** `extension.vsixmanifest`: what a gallery and an editor read before they unpack anything. */
export function vsixManifest(extension: ExtensionPackage, platform: string): string {
  const property = (id: string, value: string) =>
    `      <Property Id="Microsoft.VisualStudio.Code.${id}" Value="${escapeXml(value)}"/>`;
  const asset = (type: string, file: string) =>
    `    <Asset Type="Microsoft.VisualStudio.${type}" Path="extension/${escapeXml(file)}" Addressable="true"/>`;
  return `<?xml version="1.0" encoding="utf-8"?>
<PackageManifest Version="2.0.0" xmlns="http://schemas.microsoft.com/developer/vsx-schema/2011">
  <Metadata>
    <Identity Language="en-US" Id="${extension.name}" Version="${extension.version}" Publisher="${extension.publisher}" TargetPlatform="${platform}"/>
    <DisplayName>${escapeXml(extension.displayName)}</DisplayName>
    <Description xml:space="preserve">${escapeXml(extension.description)}</Description>
    <Tags>${escapeXml(extension.keywords.join(','))}</Tags>
    <Categories>${escapeXml(extension.categories.join(','))}</Categories>
    <GalleryFlags>Public</GalleryFlags>
    <Properties>
${[
  property('Engine', extension.engines.vscode),
  property('ExtensionKind', extension.extensionKind.join(',')),
  property('ExtensionDependencies', ''),
  property('ExtensionPack', ''),
  property('LocalizedLanguages', ''),
].join('\n')}
    </Properties>
    <License>extension/LICENSE</License>
    <Icon>extension/${escapeXml(extension.icon)}</Icon>
  </Metadata>
  <Installation>
    <InstallationTarget Id="Microsoft.VisualStudio.Code"/>
  </Installation>
  <Dependencies/>
  <Assets>
${[
  asset('Code.Manifest', 'package.json'),
  asset('Services.Content.Details', 'README.md'),
  asset('Services.Content.Changelog', 'CHANGELOG.md'),
  asset('Services.Content.License', 'LICENSE'),
  asset('Services.Icons.Default', extension.icon),
].join('\n')}
  </Assets>
</PackageManifest>
`;
}

function escapeXml(text: string): string {
  const entities: Readonly<Record<string, string>> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
    "'": '&apos;',
  };
  return text.replace(/[&<>"']/g, (character) => entities[character]!);
}

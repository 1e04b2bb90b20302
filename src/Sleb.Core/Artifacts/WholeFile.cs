namespace Sleb.Core.Artifacts;

/// <summary>A file that is written under a temporary name beside its place and then moved there: one that exists is whole.</summary>
internal static class WholeFile
{
    public static void Write(string path, string text)
    {
        string part = path + ".partial"; // left behind by a killed run: this one replaces it
        File.WriteAllText(part, text);
        File.Move(part, path, overwrite: true);
    }
}

using System.Text.RegularExpressions;

namespace Sleb.Core.Hub;

/// <summary>A model on a Hugging Face hub: <c>organization/name</c>, optionally <c>@revision</c> (a branch, a tag or a commit).</summary>
internal sealed partial record HubId(string Organization, string Name, string Revision)
{
    private const string DefaultRevision = "main";

    public string Repository => $"{Organization}/{Name}";

    /// <summary>Whether the text can only mean a path, or also an id. Nothing is looked up.</summary>
    public static HubId? TryParse(string text)
    {
        int at = text.IndexOf('@');
        string repository = at < 0 ? text : text[..at], revision = at < 0 ? DefaultRevision : text[(at + 1)..];
        string[] parts = repository.Split('/');
        return parts.Length == 2 && parts.All(IsPart) && IsRevision(revision) ? new(parts[0], parts[1], revision) : null;
    }

    public override string ToString() => Revision == DefaultRevision ? Repository : $"{Repository}@{Revision}";

    // The cache puts "--" where the slash was, so the hub allows it in no name; ".." and a leading dot would be paths.
    private static bool IsPart(string part) => part.Length <= 96 && Part().IsMatch(part) && !part.Contains("--") && !part.Contains("..");

    // It becomes a path below refs/, so what git forbids in a reference is refused here as well.
    private static bool IsRevision(string revision) =>
        revision.Length <= 200 && Reference().IsMatch(revision) && !revision.Contains("..") && !revision.Split('/').Any(part => part.Length == 0 || part[0] == '.');

    [GeneratedRegex(@"^\w(?:[\w.-]*\w)?\z", RegexOptions.ECMAScript)]
    private static partial Regex Part();

    [GeneratedRegex(@"^[\w.+=%!,-][\w.+=%!,/-]*\z", RegexOptions.ECMAScript)]
    private static partial Regex Reference();
}
